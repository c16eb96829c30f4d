/** Follows a run for `run`, `tail -f` and `retry -f`: its output, then one line on its end. */
import type { StoredEvent } from "../../protocol/events.ts";
import { isTerminal, type Session } from "../../protocol/session.ts";
import type { Client } from "../client/coreClient.ts";
import { eventWriter } from "./eventText.ts";
import { exitCodes, exitCodeOfStatus } from "../client/failures.ts";
import { followSession } from "./sessionEvents.ts";
import { acrossCores, type Invocation } from "./invocation.ts";
import { untilInterrupted } from "./output.ts";
import { detailOf, elapsedOf, lookOf } from "./sessionText.ts";
import { shortId } from "../client/values.ts";

/**
 * Writes the output of a session until its run has ended, then one line on the outcome, which also
 * decides the exit code. After Ctrl-C the run continues.
 */
export async function followRun(
  invocation: Invocation,
  client: Client,
  session: Session,
  after: number,
): Promise<number> {
  const { output } = invocation;
  if (session.status === "queued" && (session.position ?? 1) > 1) {
    output.note(`Queued at position ${session.position}.`);
  }
  const writer = eventWriter(output);
  const show = (stored: StoredEvent) => {
    output.value(stored);
    writer.write(stored.event);
    const { event } = stored;
    if (event.type === "approval" && event.state === "requested") {
      const id = shortId(event.approvalId);
      output.note(
        `The run waits for your answer: offshoot approvals   then: offshoot approvals allow ${id}`,
      );
    }
  };
  const work = followEvents(invocation, client, session.id, after, show).then((ended) => {
    writer.end();
    output.value({ session: ended });
    output.note(endLine(ended));
    return outcomeCode(ended);
  });
  return await untilInterrupted(work, () => {
    writer.end();
    const id = shortId(session.id);
    output.note(
      `The run continues. Follow: offshoot tail -f ${id}   Cancel: offshoot cancel ${id}`,
    );
  });
}

/** Calls `onEvent` for the events of a session until its run has ended, across deaths of cores. */
export async function followEvents(
  invocation: Invocation,
  client: Client,
  sessionId: string,
  after: number,
  onEvent: (event: StoredEvent) => void,
): Promise<Session> {
  let seen = after;
  return await acrossCores(invocation, client, (current) =>
    followSession(current, sessionId, seen, (event) => {
      seen = event.seq;
      onEvent(event);
    }),
  );
}

/** The exit code for a session that was followed to its end, or that needs a message. */
export function outcomeCode(session: Session): number {
  return isTerminal(session) ? exitCodeOfStatus(session.status) : exitCodes.failed;
}

/** "✓ completed in 1.9s (1f2e3d4c)" or "✗ error in 0.2s: exit code 3 (1f2e3d4c)". */
export function endLine(session: Session): string {
  const { glyph, word } = lookOf(session, undefined);
  const elapsed = elapsedOf(session, session.updatedAt);
  const why = session.status === "completed" ? "" : detailOf(session, undefined, session.updatedAt);
  return [
    `${glyph} ${word}`,
    ...(elapsed === "" ? [] : [`in ${elapsed}`]),
    ...(why === "" ? [] : [`– ${why}`]),
    `(${shortId(session.id)})`,
  ].join(" ");
}
