/** "Run Again" for one session, as `offshoot retry` does it. */
import type { Session } from "../../protocol/session.ts";
import type { DaemonClient } from "../daemon/daemonClient.ts";

/**
 * Queues another run. A session that has completed, or had nothing to do, has read all that it was
 * told, and its run would be skipped: there the last message is sent again.
 */
export async function runAgain(
  client: Pick<DaemonClient, "call">,
  session: Session,
): Promise<void> {
  const { id: sessionId, status, messageCount } = session;
  if (status === "completed" || status === "skipped") {
    const cursor = String(Math.max(0, messageCount - 20));
    const { messages } = await client.call("session/messages", { sessionId, cursor });
    const told = messages.findLast(({ role }) => role === "user");
    if (told !== undefined) {
      await client.call("session/send", { sessionId, text: told.text });
      return;
    }
  }
  await client.call("session/run", { sessionId });
}
