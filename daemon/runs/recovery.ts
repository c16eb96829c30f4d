/**
 * What a core does before it answers anybody: ends what a dead core left behind, gives every run
 * that was live a true end (or queues it again where its agent says so), and rebuilds the queue.
 */
import type { Completions, EndOptions } from "./completions.ts";
import { endingOf, interrupted, type EndCause } from "../sessions/endings.ts";
import type { Log } from "../base/log.ts";
import type { Processes } from "../processes/processes.ts";
import type { SessionTree } from "../sessions/sessionTree.ts";
import { soundSessions } from "../store/soundSessions.ts";
import { sessionIdOfKey } from "../store/keys.ts";
import type { StoredSession } from "../sessions/records.ts";
import type { Store } from "../store/sessionStore.ts";
import { isLive } from "../../protocol/session.ts";
import { transition } from "../sessions/transition.ts";

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

/** What the store holds of sessions and rules, without what this core cannot use. */
export async function loadSound(store: Store, log: Log) {
  const { sessions, unreadable } = await store.loadHeaders();
  const { sound, setAside } = soundSessions(sessions);
  setAside.push(...unreadable);
  for (const row of setAside) {
    log.error(row, "a stored session cannot be used; it is set aside and stays stored");
  }
  await correctLastSeq(store, sound);
  const aside = new Set(setAside.map(({ key }) => sessionIdOfKey(key)));
  // The rules of trees that are gone are removed; these are not gone.
  const rules = (await store.approvalRules()).filter(
    ({ scope }) => scope.kind === "cwd" || !aside.has(scope.rootId),
  );
  return { sessions: sound, rules, setAside: [...aside] };
}

/** The header is written when a state changes, events more often: the rows have the last word. */
async function correctLastSeq(store: Store, sessions: StoredSession[]): Promise<void> {
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
  const queued = [...tree.records()].filter(({ session }) => session.status === "queued");
  const live = [...tree.records()].filter(({ session }) => isLive(session));
  const goesOn = await Promise.all(live.map((one) => recover(one, tree, completions, now)));
  const waiting = [...queued, ...live.filter((_, place) => goesOn[place])];
  for (const { session } of waiting) enqueue(tree.get(session.id));
  return { ended: live.length + queued.length - waiting.length, queued: waiting.length };
}

/** Answers whether the run was queued again. */
async function recover(
  record: StoredSession,
  tree: SessionTree,
  completions: Completions,
  now: () => number,
): Promise<boolean> {
  const { session, profile } = record;
  const cancelled = cancelOf(tree, session.id);
  const isOver = record.ending !== undefined || cancelled !== undefined;
  if (!isOver && isLive(session) && profile?.onHostRestart === "resume") {
    const again = transition(session, { type: "requeue" }, now());
    const change = { records: [{ ...record, session: again }], endedRun: session.runId };
    await tree.commit([change], { ifFailing: "keep" });
    return true;
  }
  // What had ended by itself keeps its own end, although its leftovers were still being ended.
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

/** With the answer, what it answers was stored; messages that came later get their own run. */
function endOptions({ ending, unreadFrom }: StoredSession): EndOptions {
  if (ending?.status !== "completed") return {};
  return { readUpTo: unreadFrom - 1, freshRun: "ifMessagesWait" };
}
