/** The completion of a run: the one message about its end. */
import type { Completion } from "../../protocol/messages.ts";
import { isTerminal, type Session } from "../../protocol/session.ts";

/** The params of `subAgent/completed` for an ended session; also the answer of `session/wait`. */
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
