/** "Run Again" for one session, like `offshoot retry`. */
import type { Session } from "../../protocol/session.ts";
import type { Caller } from "../daemon/daemonClient.ts";

/**
 * Queues another run. A session that was completed or skipped has read all its messages, and a run
 * without a new one would be skipped: the last message is sent again.
 */
export async function runAgain(client: Caller, session: Session): Promise<void> {
  const { id: sessionId, status, messageCount } = session;
  if (status === "completed" || status === "skipped") {
    const cursor = String(Math.max(0, messageCount - 20));
    const { messages } = await client.call("session/messages", { sessionId, cursor });
    const last = messages.findLast(({ role }) => role === "user");
    if (last !== undefined) {
      await client.call("session/send", { sessionId, text: last.text });
      return;
    }
  }
  await client.call("session/run", { sessionId });
}
