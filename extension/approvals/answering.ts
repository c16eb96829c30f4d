/** Answers approvals, and says it clearly when somebody else was faster. */
import { window } from "vscode";
import type { ParamsOf } from "../../protocol/messages.ts";
import type { ExtensionParts } from "../editor/services.ts";
import type { ApprovalModel } from "./approvalInbox.ts";
import { lateAnswer } from "./lateAnswer.ts";

export type ApprovalResponse = Omit<ParamsOf<"approval/respond">, "approvalId">;

/** Resolves also when it came too late; rejects when it could not be said at all. */
export type AnswerApproval = (approvalId: string, response: ApprovalResponse) => Promise<void>;

export function answerApprovals(
  { client, start }: Pick<ExtensionParts, "client" | "start">,
  approvals: ApprovalModel,
): AnswerApproval {
  return async (approvalId, response) => {
    await start();
    try {
      await client.call("approval/respond", { approvalId, ...response });
    } catch (error) {
      const sentence = lateAnswer(error);
      if (sentence === undefined) throw error;
      void window.showInformationMessage(`Offshoot: ${sentence}`);
    }
    approvals.remove(approvalId);
  };
}
