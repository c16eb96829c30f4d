/** `retry`: runs a session again, whatever the outcome of its last run. */
import type { Session } from "../../protocol/session.ts";
import type { Client } from "../client/coreClient.ts";
import { exitCodes } from "../client/failures.ts";
import { followRun } from "./followRun.ts";
import { withCoreForRuns, type CommonOptions, type Invocation } from "./invocation.ts";
import { nameOf, resolveId } from "../client/sessionIds.ts";

export async function retry(
  invocation: Invocation,
  [named]: [string],
  options: CommonOptions & { follow?: boolean },
): Promise<number> {
  const { output } = invocation;
  return await withCoreForRuns(invocation, async (client) => {
    const sessionId = await resolveId(client, named);
    const before = await client.call("session/get", { sessionId });
    await runAgain(client, before.session);
    const { session } = await client.call("session/get", { sessionId });
    output.value({ session });
    if (options.follow === true) {
      return await followRun(invocation, client, session, before.session.lastSeq);
    }
    output.line(`${session.status}: ${nameOf(session)}`);
    return exitCodes.ok;
  });
}

/**
 * Queues another run. A session that is completed or skipped has no unread message, so its run would
 * be skipped: its last message is sent again.
 */
async function runAgain(client: Client, session: Session): Promise<void> {
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
