/** Keeps the open approvals true: asks for all whenever a connection is there, then listens. */
import type { Disposable, LogOutputChannel } from "vscode";
import { isTerminal } from "../../protocol/states.ts";
import type { DaemonClient } from "../daemon/daemonClient.ts";
import type { ApprovalModel } from "./approvalInbox.ts";

interface Parts {
  client: Pick<DaemonClient, "call" | "on" | "onConnected">;
  log: Pick<LogOutputChannel, "error">;
}

export function followApprovals({ client, log }: Parts, approvals: ApprovalModel): Disposable[] {
  async function askForAll(): Promise<void> {
    // The tree was subscribed to just before, on the same connection: nothing falls in between.
    approvals.replace((await client.call("approval/list", {})).approvals);
  }

  return [
    client.onConnected(() => {
      askForAll().catch((error: unknown) => log.error(`approval/list: ${String(error)}`));
    }),
    client.on("approval/requested", ({ approval }) => approvals.add(approval)),
    client.on("approval/resolved", ({ approvalId }) => approvals.remove(approvalId)),
    // The approvals of a core that died are never resolved: their runs end, and the front that has
    // found another core tells every session again.
    client.on("session/changed", ({ session }) => {
      const isOver = isTerminal(session) || !("runId" in session);
      approvals.keepOnlyRun(session.id, isOver ? undefined : session.runId);
    }),
    client.on("session/removed", ({ sessionIds }) => {
      for (const sessionId of sessionIds) approvals.keepOnlyRun(sessionId, undefined);
    }),
  ];
}
