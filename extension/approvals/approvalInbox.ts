/** What the other rooms may do with open approvals. */
import { window } from "vscode";
import type { Approval } from "../../protocol/approvals.ts";
import type { ParamsOf } from "../../protocol/messages.ts";
import type { Services } from "../editor/services.ts";
import { lateAnswer } from "./lateAnswer.ts";
import type { OpenApprovals } from "./openApprovals.ts";

type Answer = Omit<ParamsOf<"approval/respond">, "approvalId">;

export interface ApprovalInbox {
  readonly open: OpenApprovals;
  show(approval: Approval): Promise<void>;
  /** Resolves also when the answer comes too late; rejects when it could not be sent. */
  answer(approvalId: string, answer: Answer): Promise<void>;
}

export function approvalInbox(
  { client, start }: Pick<Services, "client" | "start">,
  open: OpenApprovals,
  show: ApprovalInbox["show"],
): ApprovalInbox {
  return {
    open,
    show,
    async answer(approvalId, answer) {
      await start();
      try {
        await client.call("approval/respond", { approvalId, ...answer });
      } catch (error) {
        const sentence = lateAnswer(error);
        if (sentence === undefined) throw error;
        void window.showInformationMessage(`Offshoot: ${sentence}`);
      }
      open.remove(approvalId);
    },
  };
}
