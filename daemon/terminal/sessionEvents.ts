/** The events of one session in order, stored ones first, and the end of its run. */
import type { StoredEvent } from "../../protocol/events.ts";
import { isTerminal, type Session } from "../../protocol/session.ts";
import type { Client } from "../client/coreClient.ts";

const pageSize = 1000;

/** Stored events after `after`, in order; returns the number of the last one. */
export async function readEvents(
  client: Client,
  sessionId: string,
  after: number,
  onEvent: (event: StoredEvent) => void,
): Promise<number> {
  let seq = after;
  for (;;) {
    const page = await client.call("session/events", { sessionId, after: seq, limit: pageSize });
    for (const event of page.events) {
      onEvent(event);
      seq = event.seq;
    }
    if (page.events.length === 0 || seq >= page.lastSeq) return seq;
  }
}

/**
 * Calls `onEvent` for every event of a session after `after`, in order and without a gap, until its
 * run has ended, or has failed and needs a message (escalation). Resolves with the session then.
 *
 * A notification only shows that there is something to read. The events themselves are always read
 * from the store, so that a burst, a gap and a start in the middle are one case.
 */
export async function followSession(
  client: Client,
  sessionId: string,
  after: number,
  onEvent: (event: StoredEvent) => void,
): Promise<Session> {
  let seq = after;
  let announced = after;
  let reading = Promise.resolve();
  const readTo = (last: number) => {
    announced = Math.max(announced, last);
    reading = reading.then(async () => {
      if (announced > seq) seq = await readEvents(client, sessionId, seq, onEvent);
    });
    // A failed read is thrown by `await reading` below.
    reading.catch(() => {});
  };
  const off = [
    client.on("subAgent/event", (event) => {
      if (event.childSessionId === sessionId) readTo(event.seq);
    }),
    client.on("subAgent/gap", (gap) => {
      if (gap.sessionId === sessionId) readTo(gap.to);
    }),
  ];
  try {
    const { lastSeq } = await client.call("session/subscribe", { sessionId, after });
    readTo(lastSeq);
    for (;;) {
      const how = await waitForEnd(client, sessionId);
      const { session } = await client.call("session/get", { sessionId });
      readTo(session.lastSeq);
      await reading;
      // A message that arrived meanwhile may have started the next run.
      if (isTerminal(session) || how === "escalated") return session;
    }
  } finally {
    for (const takeOff of off) takeOff();
    await client.call("session/unsubscribe", { sessionId }).catch(() => {});
  }
}

/** Waits without a bound; the core's own bound on one wait is six hours. */
async function waitForEnd(client: Client, sessionId: string): Promise<"ended" | "escalated"> {
  for (;;) {
    const answer = await client.call("session/wait", { sessionIds: [sessionId] });
    if (answer.escalated?.some((failed) => failed.sessionId === sessionId)) return "escalated";
    if (answer.pending.length === 0) return "ended";
  }
}
