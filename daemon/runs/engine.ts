/** What every part of a run's life needs, built once. */
import type { News } from "../sessions/news.ts";
import { isTerminal } from "../../protocol/session.ts";
import type { Clock } from "../base/clock.ts";
import type { Log } from "../base/log.ts";
import type { Settings } from "../config/settings.ts";
import { completionOf } from "../sessions/completion.ts";
import type { StoredSession } from "../sessions/records.ts";
import type { SessionTree } from "../sessions/sessionTree.ts";
import type { Store } from "../store/sessionStore.ts";
import { Budget } from "./budget.ts";
import { Cancels } from "./cancel.ts";
import { Completions } from "./completions.ts";
import { Events } from "./events.ts";
import { Intake } from "./intake.ts";
import type { RunQueue } from "./queue.ts";
import { RunTable } from "./runTable.ts";
import { Slots } from "./slots.ts";
import { WaitRequests, type WaitState } from "./waitRequest.ts";

export interface EngineSeams {
  readonly tree: SessionTree;
  readonly store: Store;
  readonly queue: RunQueue;
  readonly settings: () => Settings;
  /** Sends a notification to the clients that it concerns. */
  readonly notify: (news: News) => void;
  readonly clock: Clock;
  /** From 0 to 1, for the jitter of restarts. */
  readonly random: () => number;
  readonly log: Log;
}

export interface Engine extends EngineSeams {
  readonly intake: Intake;
  readonly runs: RunTable;
  readonly slots: Slots;
  readonly waits: WaitRequests;
  readonly completions: Completions;
  readonly events: Events;
  readonly budget: Budget;
  readonly cancels: Cancels;
  /** Call when the state of a session changed: re-checks the waits on it, notifies a live parent. */
  sessionChanged(sessionId: string): void;
  /** Puts a session into the queue, after it was stored as queued. */
  queueUp(record: StoredSession): void;
}

/** `lastCompletion`: number of the newest completion in the store. */
export function buildEngine(
  seams: EngineSeams & { intake: Intake; lastCompletion: number },
): Engine {
  const { tree, queue, store, settings, clock, log, lastCompletion } = seams;
  const runs = new RunTable();
  const slots = new Slots(() => settings().concurrency);
  const waits = new WaitRequests((sessionId) => waitStateOf(sessionId, tree, runs), clock);
  const events = new Events({ tree, store, clock, log });
  const budget = new Budget({ tree, runs, events, settings, clock, log });

  const sessionChanged = (sessionId: string) => {
    waits.changed(sessionId);
    const session = tree.find(sessionId)?.session;
    const parent = runs.get(session?.parentId ?? "");
    if (session === undefined || parent === undefined) return;
    const { status: state } = session;
    events.emit(parent, { type: "child", childSessionId: sessionId, state });
  };
  const queueUp = ({ session, priority }: StoredSession) => {
    if (session.status !== "queued") return;
    const { id: sessionId, rootId, queuedAt } = session;
    // Two requests may have queued the same run: paused and resumed before the first was stored.
    const isUnderWay = runs.get(sessionId)?.runId === session.runId;
    if (isUnderWay || queue.position(sessionId) !== undefined) return;
    sessionChanged(sessionId);
    queue.add({ sessionId, rootId, priority, queuedAt });
  };

  const last = lastCompletion;
  const completions = new Completions({ tree, clock, last, sessionChanged, queueUp });
  const cancels = new Cancels({ tree, queue, runs, completions, clock, log });
  return {
    ...seams,
    ...{ runs, slots, waits, completions, events, budget, cancels },
    ...{ sessionChanged, queueUp },
  };
}

function waitStateOf(sessionId: string, tree: SessionTree, runs: RunTable): WaitState {
  const record = tree.find(sessionId);
  if (record === undefined) return { gone: true };
  const session = tree.peek(sessionId);
  if (session !== undefined && isTerminal(session)) {
    return { completion: completionOf(session, record.completionSeq ?? 0) };
  }
  const state = runs.get(sessionId)?.state;
  return state?.at === "between" && state.why === "escalated" ? { escalated: state.error } : {};
}
