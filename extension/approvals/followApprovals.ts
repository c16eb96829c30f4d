/** Keeps the open approvals up to date: reads all with each new connection, then follows changes. */
import type { Disposable, LogOutputChannel } from "vscode";
import { isTerminal } from "../../protocol/states.ts";
import type { DaemonClient } from "../daemon/daemonClient.ts";
import type { OpenApprovals } from "./openApprovals.ts";

interface Services {
  client: Pick<DaemonClient, "call" | "on" | "onConnected">;
  log: Pick<LogOutputChannel, "error">;
}

export function followApprovals({ client, log }: Services, open: OpenApprovals): Disposable[] {
  async function readAll(): Promise<void> {
    // The same connection has subscribed to the tree just before: no change is missed in between.
    open.replace((await client.call("approval/list", {})).approvals);
  }

  return [
    client.onConnected(() => {
      readAll().catch((error: unknown) => log.error(`approval/list: ${String(error)}`));
    }),
    client.on("approval/requested", ({ approval }) => open.add(approval)),
    client.on("approval/resolved", ({ approvalId }) => open.remove(approvalId)),
    // No notification resolves the approvals of a core that died. Their runs end, and the front that
    // has joined another core notifies of every session again.
    client.on("session/changed", ({ session }) => {
      const isOver = isTerminal(session) || !("runId" in session);
      open.keepOnlyRun(session.id, isOver ? undefined : session.runId);
    }),
    client.on("session/removed", ({ sessionIds }) => {
      for (const sessionId of sessionIds) open.keepOnlyRun(sessionId, undefined);
    }),
  ];
}
