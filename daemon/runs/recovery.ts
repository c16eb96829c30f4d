/**
 * What a core does before it answers anybody, once its sessions are loaded: gives every run that
 * was live a true end (or queues it again where its agent says so), rebuilds the queue, and resumes
 * the cancels that the dead core had accepted.
 */
import { isLive } from "../../protocol/session.ts";
import { endingOf, interrupted, type EndCause } from "../sessions/endings.ts";
import type { StoredSession } from "../sessions/records.ts";
import type { SessionTree } from "../sessions/sessionTree.ts";
import { transition } from "../sessions/transition.ts";
import type { EndOptions } from "./completions.ts";
import type { Engine } from "./engine.ts";

/** Call before the scheduler starts. */
export async function recoverRuns(engine: Engine): Promise<{ ended: number; queued: number }> {
  const { tree } = engine;
  const queued = [...tree.records()].filter(({ session }) => session.status === "queued");
  const live = [...tree.records()].filter(({ session }) => isLive(session));
  const isQueuedAgain = await Promise.all(live.map((record) => recover(engine, record)));
  const waiting = [...queued, ...live.filter((_, place) => isQueuedAgain[place])];
  for (const { session } of waiting) engine.queueUp(tree.get(session.id));
  await engine.cancels.resume();
  return { ended: live.length + queued.length - waiting.length, queued: waiting.length };
}

/** Answers whether the run was queued again. */
async function recover(engine: Engine, record: StoredSession): Promise<boolean> {
  const { tree, clock, completions } = engine;
  const { session, profile } = record;
  const cancelled = cancelOf(tree, session.id);
  const isOver = record.ending !== undefined || cancelled !== undefined;
  if (!isOver && isLive(session) && profile?.onHostRestart === "resume") {
    const again = transition(session, { type: "requeue" }, clock.now());
    const change = { records: [{ ...record, session: again }], endedRun: session.runId };
    await tree.commit([change], { ifFailing: "retry" });
    return true;
  }
  // A run that had ended by itself keeps its end, also where its processes were still being ended.
  const unsettled =
    cancelled === undefined
      ? interrupted("host_restart")
      : endingOf({ status: "aborted" }, [cancelled]);
  const ending = record.ending === undefined ? unsettled : endingOf(record.ending, []);
  await completions.end(session.id, ending, endOptions(record));
  return false;
}

/** The cancel that the dead core had accepted for a session, or for one above it. */
function cancelOf(tree: SessionTree, sessionId: string): EndCause | undefined {
  const asked = tree.upwards(sessionId).find(({ cancelWish }) => cancelWish !== undefined);
  if (asked?.cancelWish === undefined) return undefined;
  const by = asked.session.id === sessionId ? asked.cancelWish.by : "parent";
  return { kind: "cancelled", ...asked.cancelWish, by };
}

/** The answered messages were stored with the outcome; later messages get a run of their own. */
function endOptions({ ending, unreadFrom }: StoredSession): EndOptions {
  if (ending?.status !== "completed") return {};
  return { readUpTo: unreadFrom - 1, freshRun: "ifMessagesWait" };
}
