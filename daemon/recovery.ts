/**
 * What a core does before it answers anybody: ends what a dead core left behind, gives every run
 * that was live a true end (or queues it again where its agent says so), and rebuilds the queue.
 */
import type { Completions, EndOptions } from "./completions.ts";
import { endingOf, interrupted, type EndCause } from "./endings.ts";
import type { Log } from "./log.ts";
import type { Processes } from "./runners/processes.ts";
import type { SessionTree } from "./sessions.ts";
import type { StoredSession } from "./store/records.ts";
import type { Store } from "./store/sessionStore.ts";
import { isLive } from "../protocol/session.ts";
import { transition } from "./transition.ts";

interface Parts {
  store: Store;
  processes: Processes;
  stateDir: string;
  killAfterMs: number;
  log: Log;
}

/** Call before the sessions are loaded: nothing of the dead core's runs may go on meanwhile. */
export async function endDeadRuns({ store, processes, stateDir, killAfterMs, log }: Parts) {
  const records = await store.processes();
  const left = await processes.endLeftovers({ stateDir, records, killAfterMs });
  if (left.length > 0) log.error({ left }, "processes of an earlier core could not be ended");
}

/** The header is written when a state changes, events more often: the rows have the last word. */
export async function correctLastSeq(store: Store, sessions: StoredSession[]): Promise<void> {
  for (const record of sessions) {
    if (!isLive(record.session)) continue;
    const lastSeq = await store.lastEventSeq(record.session.id);
    record.session = { ...record.session, lastSeq };
  }
}

export async function recoverRuns(
  tree: SessionTree,
  completions: Completions,
  enqueue: (record: StoredSession) => void,
  now: () => number,
): Promise<{ ended: number; queued: number }> {
  const ends: Promise<unknown>[] = [];
  const waiting: StoredSession[] = [];
  for (const record of [...tree.records()]) {
    const { session, profile } = record;
    if (session.status === "queued") waiting.push(record);
    if (!isLive(session)) continue;
    const cancelled = cancelOf(tree, session.id);
    const isOver = record.ending !== undefined || cancelled !== undefined;
    if (!isOver && profile?.onHostRestart === "resume") {
      const again = transition(session, { type: "requeue" }, now());
      ends.push(
        tree.commit([{ records: [{ ...record, session: again }], endedRun: session.runId }], {
          ifFailing: "keep",
        }),
      );
      waiting.push({ ...record, session: again });
    } else {
      // What had ended by itself keeps its own end, although its leftovers were still being ended.
      const unsettled =
        cancelled === undefined
          ? interrupted("host_restart")
          : endingOf({ status: "aborted" }, [cancelled]);
      const ending = record.ending === undefined ? unsettled : endingOf(record.ending, []);
      ends.push(completions.end(session.id, ending, endOptions(record)));
    }
  }
  await Promise.all(ends);
  for (const record of waiting) enqueue(tree.get(record.session.id));
  return { ended: ends.length, queued: waiting.length };
}

/** The cancel that the dead core had accepted for a session, or for one above it. */
function cancelOf(tree: SessionTree, sessionId: string): EndCause | undefined {
  const asked = tree.upwards(sessionId).find(({ cancelWish }) => cancelWish !== undefined);
  if (asked?.cancelWish === undefined) return undefined;
  const by = asked.session.id === sessionId ? asked.cancelWish.by : "parent";
  return { kind: "cancelled", ...asked.cancelWish, by };
}

/** With the answer, what it answers was stored; messages that came later get their own run. */
function endOptions({ ending, unreadFrom }: StoredSession): EndOptions {
  if (ending?.status !== "completed") return {};
  return { readUpTo: unreadFrom - 1, freshRun: "ifMessagesWait" };
}
