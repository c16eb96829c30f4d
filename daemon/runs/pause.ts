/**
 * Pausing: what is queued at once, a live run at its next turn where its agent has turns. A paused
 * run has no slot and no process, is not at its end, and goes on under the same id when resumed.
 */
import { OffshootError } from "../../protocol/errors.ts";
import type { ParamsOf } from "../../protocol/messages.ts";
import { isLive, type Session } from "../../protocol/session.ts";
import type { LifeParts, LiveRun } from "./life.ts";
import { storeUnavailable } from "./messages.ts";
import type { RunQueue } from "./queue.ts";
import type { SessionTree } from "../sessions/sessionTree.ts";
import type { Settings } from "../config/settings.ts";
import type { StoredSession } from "../sessions/records.ts";
import type { Store } from "../store/sessionStore.ts";
import { transition } from "../sessions/transition.ts";

export interface Pausing {
  pause(params: ParamsOf<"session/pause">): Promise<void>;
  resume(params: ParamsOf<"session/resume">): Promise<void>;
  /** Call when a run is held: one that was resumed before that goes on. */
  held(run: LiveRun): Promise<void>;
}

interface Parts {
  tree: SessionTree;
  store: Store;
  queue: RunQueue;
  settings: () => Settings;
  now: () => number;
  liveRun: (sessionId: string) => LiveRun | undefined;
  /** Whether the agent of the run has turns to pause at. */
  canPause: (run: LiveRun) => boolean;
  /** The child session; throws for a root, and for what is unknown. */
  child: (sessionId: string) => StoredSession;
  /** Puts a queued session in its place. */
  add: (record: StoredSession) => void;
}

export function createPausing(parts: Parts): Pausing {
  const { tree, store, queue, settings, now, liveRun, canPause, child, add } = parts;

  async function pauseOne(record: StoredSession): Promise<void> {
    const run = liveRun(record.session.id);
    if (run === undefined) await pauseQueued(record);
    else pauseLive(run, record.session);
  }

  /** It ends its attempt at the next turn; see `hold`. */
  function pauseLive(run: LiveRun, session: Session): void {
    if (!canPause(run)) {
      const why = `works with "${session.agent}", which has no turns to pause at: cancel it, or wait`;
      throw refusal(session, why);
    }
    if (!isGoingOn(run)) throw refusal(session, "is just ending");
    const isAsked = run.pause !== undefined;
    run.pause = "wanted";
    if (!isAsked) run.pauseAtTurn?.();
  }

  async function pauseQueued(record: StoredSession): Promise<void> {
    const { session } = record;
    if (isLive(session)) throw refusal(session, "is part of its parent's run and goes with that");
    const paused = { ...record, session: transition(session, { type: "pause" }, now()) };
    queue.remove(session.id);
    if (await tree.commit([{ records: [paused] }], { ifFailing: "giveUp" })) return;
    add(tree.get(session.id));
    throw storeUnavailable(store);
  }

  async function resumeOne(record: StoredSession): Promise<void> {
    const run = liveRun(record.session.id);
    if (run?.pause === "wanted") return void (run.pause = "withdrawn");
    const session = transition(record.session, { type: "resume" }, now());
    queue.admit(record.session.rootId, settings().queue);
    const resumed = { ...record, session };
    if (!(await tree.commit([{ records: [resumed] }], { ifFailing: "giveUp" }))) {
      throw storeUnavailable(store);
    }
    add(tree.get(session.id));
  }

  function wholeTree(sessionId: string): StoredSession[] {
    tree.get(sessionId);
    return [sessionId, ...tree.descendantsOf(sessionId)].map((id) => tree.get(id));
  }

  return {
    async pause({ sessionId, tree: whole }) {
      if (whole !== true) return await pauseOne(child(sessionId));
      const chosen = wholeTree(sessionId).filter(({ session }) => {
        const run = liveRun(session.id);
        return run === undefined ? session.status === "queued" : isGoingOn(run) && canPause(run);
      });
      await Promise.all(chosen.map(pauseOne));
    },
    async resume({ sessionId, tree: whole }) {
      if (whole !== true) return await resumeOne(child(sessionId));
      const chosen = wholeTree(sessionId).filter(
        ({ session }) => session.status === "paused" || liveRun(session.id)?.pause === "wanted",
      );
      await Promise.all(chosen.map(resumeOne));
    },
    async held({ sessionId, runId, pause }) {
      const record = tree.find(sessionId);
      if (pause !== "withdrawn" || record?.session.status !== "paused") return;
      if (record.session.runId === runId) await resumeOne(record);
    },
  };
}

/**
 * Stores that a run is paused, with what it needs to go on. Its attempt is over, and in the same
 * breath the run is no longer live: what is asked of the session from here on finds it paused.
 */
export async function hold(run: LiveRun, parts: LifeParts): Promise<void> {
  const { tree, now } = parts;
  const record = tree.get(run.sessionId);
  parts.emit(run, { type: "status", from: record.session.status, to: "paused" });
  const held = { upTo: run.readUpTo, ranMs: run.watchdog?.ranMs() ?? 0, turns: run.turns };
  const session = transition(record.session, { type: "pause" }, now());
  run.phase = "closed";
  run.watchdog?.stop();
  tree.live.delete(run.sessionId);
  const change = { records: [{ ...record, session, held }], endedRun: run.runId };
  const stored = tree.commit([change], { ifFailing: "keep" });
  parts.leave(run);
  await stored;
  parts.noticed(run.sessionId);
}

function isGoingOn({ phase, causes }: LiveRun): boolean {
  return phase === "open" && causes.length === 0;
}

function refusal(session: Session, why: string): OffshootError {
  const { id, status } = session;
  return new OffshootError("invalidState", `session ${id} ${why}`, { status });
}
