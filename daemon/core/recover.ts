/** The start of a core after another: ends the processes that a dead core left, loads the store. */
import type { ApprovalRule } from "../../protocol/approvals.ts";
import { isLive } from "../../protocol/session.ts";
import type { Log } from "../base/log.ts";
import { endOldApprovals, type EarlierApprovals } from "../permissions/approvals.ts";
import type { Processes } from "../processes/processes.ts";
import type { StoredSession } from "../sessions/records.ts";
import { sessionIdOfKey } from "../store/keys.ts";
import type { Store } from "../store/sessionStore.ts";
import { soundSessions } from "../store/soundSessions.ts";

/** What the store holds at the start of a core. */
export interface Stored {
  sessions: StoredSession[];
  /** Ids of the sessions whose records cannot be used. */
  setAside: readonly string[];
  /** Number of the newest completion. */
  lastCompletion: number;
  approvalRules: ApprovalRule[];
  approvals: EarlierApprovals;
}

interface Parts {
  store: Store;
  processes: Processes;
  stateDir: string;
  killAfterMs: number;
  log: Log;
}

/** Call before the sessions are loaded: no process of a dead core's run may work on. */
export async function endDeadRuns({ store, processes, stateDir, killAfterMs, log }: Parts) {
  const records = await store.processes();
  const left = await processes.endLeftovers({ stateDir, records, killAfterMs });
  if (left.length > 0) log.error({ left }, "processes of an earlier core could not be ended");
}

/** Loads what the store holds, without what this core cannot use. */
export async function loadStored(store: Store, log: Log): Promise<Stored> {
  const { sessions: loaded, unreadable } = await store.loadHeaders();
  const { sound: sessions, setAside } = soundSessions(loaded);
  setAside.push(...unreadable);
  for (const row of setAside) {
    log.error(row, "a stored session cannot be used; it is set aside and stays stored");
  }
  await correctLastSeq(store, sessions);
  const aside = new Set(setAside.map(({ key }) => sessionIdOfKey(key)));
  // Rules of removed trees are removed later; a tree that is set aside is not removed, only unused.
  const approvalRules = (await store.approvalRules()).filter(
    ({ scope }) => scope.kind === "cwd" || !aside.has(scope.rootId),
  );
  return {
    sessions,
    setAside: [...aside],
    lastCompletion: await store.lastCompletionSeq(),
    approvalRules,
    approvals: await endOldApprovals(store),
  };
}

/** A header is written when a state changes, events more often: the rows of events count. */
async function correctLastSeq(store: Store, sessions: StoredSession[]): Promise<void> {
  for (const record of sessions) {
    if (!isLive(record.session)) continue;
    const lastSeq = await store.lastEventSeq(record.session.id);
    record.session = { ...record.session, lastSeq };
  }
}
