/** The completion of a run: the one message that tells its end. */
import type { Completion } from "../../protocol/messages.ts";
import { isTerminal, type Session } from "../../protocol/session.ts";

/** What `subAgent/completed` says of an ended session; also the answer of `session/wait`. */
export function completionOf(session: Session, completionSeq: number): Completion {
  if (!isTerminal(session)) throw new Error(`session ${session.id} has not ended`);
  const { runId, attempt, status, error, result, reason, stored } = session;
  return {
    parentSessionId: session.parentId ?? "",
    childSessionId: session.id,
    runId,
    attempt,
    completionSeq,
    status,
    ...(error !== undefined && { error }),
    ...(result !== undefined && { result }),
    ...(reason !== undefined && { reason }),
    usage: session.usage,
    stored,
  };
}
