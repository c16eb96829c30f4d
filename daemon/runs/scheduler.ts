/**
 * Which run goes next, and everything that can be asked of runs: queueing, cancelling, pausing,
 * sending, waiting, deleting, stopping. What happens inside one run stands in life.ts.
 */
import { OffshootError } from "../../protocol/errors.ts";
import type { ParamsOf } from "../../protocol/messages.ts";
import { isLive, isTerminal, type Session } from "../../protocol/session.ts";
import type { Agents } from "../profiles/catalogue.ts";
import type { Attempts } from "./attempt.ts";
import { completionOf, type Completions } from "./completions.ts";
import { createCancelling } from "./cancel.ts";
import { messageOf, runError, type EndCause } from "../sessions/endings.ts";
import type { Client } from "../server/hub.ts";
import { endRun, live, type LifeParts, type LiveRun } from "./life.ts";
import { createMessaging, type Messaging } from "./messages.ts";
import { createPausing } from "./pause.ts";
import { notRunning, type RunQueue } from "./queue.ts";
import { createRunWaits, type Wait } from "./runWaits.ts";
import type { SessionEnvironments } from "./environments.ts";
import { createSlots } from "./slots.ts";
import type { StoredSession } from "../sessions/records.ts";
import { suspend, waitingChanged, wake } from "./suspension.ts";
import { isOpen } from "../sessions/transition.ts";
import { createWaits, type WaitState, type Waits } from "./waitRequest.ts";

export interface Scheduler {
  readonly runningCount: number;
  readonly suspendedCount: number;
  readonly queuedCount: number;
  /**
   * Starts what may start. Call it when a bound has changed, and once at the start: before that
   * nothing starts, so that a core rebuilds the whole queue first.
   */
  pump(): void;
  /** Puts a queued session in its place, after it was stored as queued. */
  add(record: StoredSession): void;
  /** Queues a new run of a session that has none; see `Messaging` for what the client changes. */
  run(sessionId: string, client?: Client): Promise<Session>;
  send: Messaging["send"];
  /**
   * Ends the subtree, children first; resolves as soon as nothing can keep it from ending.
   * `byRunOf`: the session whose run asks for it.
   */
  cancel(sessionId: string, reason: string | undefined, byRunOf: string | undefined): Promise<void>;
  /** Goes on with what a dead core was asked to cancel. Call it before the first `pump`. */
  goOnCancelling(): Promise<void>;
  pause(params: ParamsOf<"session/pause">): Promise<void>;
  resume(params: ParamsOf<"session/resume">): Promise<void>;
  wait: Wait;
  /** A person is asked something for the run, or asked no more. */
  askingChanged(run: LiveRun): Promise<void>;
  /** The run of the session that has a slot, or had one and waits. */
  liveRun(sessionId: string): LiveRun | undefined;
  /** Whether the session, or one above it, is being made to end: nothing new belongs below it. */
  isEnding(sessionId: string): boolean;
  /** Whether the session, or one above it, is being deleted. */
  isDeleting(sessionId: string): boolean;
  /**
   * Ends what is open of the sessions, then removes them, with what their agents have announced
   * below them until then. Nothing new begins there meanwhile.
   */
  endForDeletion(
    sessionIds: readonly string[],
    remove: (sessionIds: string[]) => Promise<void>,
  ): Promise<void>;
  /** Takes no new work, ends live runs, resolves when their ends are stored. */
  stop(runs: "interrupt" | "cancel"): Promise<void>;
  readonly waits: Waits;
  /** Called by the completions when a run has ended. */
  ended(session: Session, fresh: StoredSession | undefined): void;
}

export type SchedulerParts = Omit<
  LifeParts,
  "attempt" | "emit" | "slots" | "leave" | "noticed" | "completions" | "endDescendants"
> & {
  queue: RunQueue;
  attempts: Attempts;
  agents: Pick<Agents, "renewed">;
  environments: Pick<SessionEnvironments, "wanted">;
  /** The completions need the scheduler and the other way round: it is asked for when needed. */
  completions: () => Completions;
};

export function createScheduler(parts: SchedulerParts): Scheduler {
  const { tree, queue, store, settings, log } = parts;
  const runs = new Map<string, LiveRun>();
  const slots = createSlots(() => settings().concurrency);
  const waits = createWaits(waitState);
  const liveRun = (sessionId: string) => runs.get(sessionId);
  const wait = createRunWaits({
    tree,
    waits,
    longestMs: () => settings().longestWaitMs,
    liveRun,
    suspend: (run) => suspend(run, lifeParts()),
    wake: (run) => wake(run, lifeParts()),
    takeSlot: (run) => slots.take(run),
  });
  const messaging = createMessaging({
    ...parts,
    liveRun,
    child: runOf,
    refuse,
    add: (record) => scheduler.add(record),
  });
  const pausing = createPausing({
    ...parts,
    liveRun,
    canPause: (run) => parts.attempts.canPause(run),
    child: runOf,
    add: (record) => scheduler.add(record),
  });
  const cancelling = createCancelling({ ...parts, liveRun });
  /** Sessions that are being deleted. */
  const doomed = new Set<string>();
  let isRebuilding = true;
  let stopping = false;

  function pump(): void {
    isRebuilding = false;
    slots.wakeWaiting();
    while (!stopping && store.health.ok) {
      const entry = queue.take((rootId) => slots.isFree(rootId));
      if (entry === undefined) return;
      const record = tree.find(entry.sessionId);
      if (record?.session.status === "queued") launch(record.session);
    }
  }

  function launch(session: Extract<Session, { status: "queued" }>): void {
    const run: LiveRun = {
      sessionId: session.id,
      runId: session.runId,
      rootId: session.rootId,
      causes: [],
      controller: new AbortController(),
      phase: "open",
      spawnsAllowed: new Set(),
      givenUpTo: 0,
      readUpTo: 0,
      prompt: "",
      waits: new Map(),
      asking: new Set(),
      turns: 0,
      done: Promise.resolve(),
    };
    runs.set(session.id, run);
    slots.take(run);
    run.done = follow(run);
  }

  async function follow(run: LiveRun): Promise<void> {
    try {
      const began = await live(run, lifeParts());
      leave(run);
      if (!began) backToQueue(run);
      await pausing.held(run).catch((err: unknown) => {
        log.warn({ err, runId: run.runId }, "a paused run could not be queued again");
      });
    } catch (err) {
      log.error({ err, runId: run.runId }, "the life of a run failed");
      await abandon(run, messageOf(err)).catch((error: unknown) => {
        log.error({ err: error, runId: run.runId }, "a failed run could not be ended");
      });
    }
    pump();
  }

  /** A fresh run of the session may have taken its place already. */
  function leave(run: LiveRun): void {
    slots.release(run);
    if (runs.get(run.sessionId) === run) runs.delete(run.sessionId);
  }

  /** After a fault of the house nothing must go on beating, hold a slot, or look alive. */
  async function abandon(run: LiveRun, why: string): Promise<void> {
    run.phase = "closed";
    run.watchdog?.stop();
    run.controller.abort();
    tree.live.delete(run.sessionId);
    leave(run);
    const session = tree.find(run.sessionId)?.session;
    if (session === undefined || !isOpen(session) || !("runId" in session)) return;
    if (session.runId !== run.runId) return;
    const error = runError("internal", why);
    await parts.completions().end(run.sessionId, { status: "error", error });
  }

  /** The store could not take the start, or the core stops: the job waits on, unless cancelled. */
  function backToQueue(run: LiveRun): void {
    const record = tree.find(run.sessionId);
    if (record?.session.status !== "queued" || stopping) return;
    const [cause] = run.causes;
    if (cause === undefined) scheduler.add(record);
    else void cancelling.endWaiting(record.session.id, cause);
  }

  function lifeParts(): LifeParts {
    return {
      ...parts,
      completions: parts.completions(),
      attempt: (run) => parts.attempts.attempt(run),
      emit: (run, event) => parts.attempts.emit(run, event),
      slots: {
        release(run) {
          slots.release(run);
          pump();
        },
        acquire: (run) => slots.acquire(run, run.controller.signal),
      },
      leave(run) {
        leave(run);
        pump();
      },
      endDescendants: (run) =>
        cancelling.endBelow(run.sessionId, { kind: "cancelled", by: "parent" }),
      noticed,
    };
  }

  function waitState(sessionId: string): WaitState {
    const record = tree.find(sessionId);
    if (record === undefined) return { gone: true };
    const session = tree.peek(sessionId);
    if (session !== undefined && isTerminal(session)) {
      return { completion: completionOf(session, record.completionSeq ?? 0) };
    }
    const error = runs.get(sessionId)?.escalated?.error;
    return error === undefined ? {} : { escalated: error };
  }

  /** A session has another state: who waits for it looks again, and a live parent hears of it. */
  function noticed(sessionId: string): void {
    waits.changed(sessionId);
    const session = tree.find(sessionId)?.session;
    const parent = runs.get(session?.parentId ?? "");
    if (session === undefined || parent === undefined) return;
    const event = { type: "child", childSessionId: sessionId, state: session.status } as const;
    parts.attempts.emit(parent, event);
  }

  function countSuspended(): number {
    return [...runs.keys()].filter((id) => tree.find(id)?.session.status === "suspended").length;
  }

  function runOf(sessionId: string): StoredSession {
    const record = tree.get(sessionId);
    if (record.session.kind === "child") return record;
    throw new OffshootError(
      "notAChild",
      `session ${sessionId} is a root: it belongs to a person or an outside agent and never runs`,
      { sessionId },
    );
  }

  /** Throws where nothing new may begin in the session. */
  function refuse(record: StoredSession): void {
    refuseAdopted(record);
    if (!scheduler.isDeleting(record.session.id)) return;
    const message = `session ${record.session.id} is being deleted`;
    throw new OffshootError("invalidState", message, { status: record.session.status });
  }

  /** What an outside agent started, that agent alone can steer. */
  function refuseAdopted({ session }: StoredSession): void {
    if (session.adopted !== true) return;
    const message = `session ${session.id} is part of its parent's run and goes with that`;
    throw new OffshootError("invalidState", message, { status: session.status });
  }

  const scheduler: Scheduler = {
    waits,
    pump,
    get runningCount() {
      return runs.size - countSuspended();
    },
    get suspendedCount() {
      return countSuspended();
    },
    get queuedCount() {
      return queue.size;
    },

    add({ session, priority }) {
      if (session.status !== "queued") return;
      const { id: sessionId, rootId, queuedAt } = session;
      queue.add({ sessionId, rootId, priority, queuedAt });
      noticed(sessionId);
      if (!isRebuilding) pump();
    },

    run: async (sessionId, client) =>
      await messaging.enqueue(runOf(sessionId), { message: undefined, client }),

    async send(params, client) {
      if (stopping) throw new OffshootError("shuttingDown", notRunning, {});
      return await messaging.send(params, client);
    },

    async cancel(sessionId, reason, byRunOf) {
      const target = tree.get(sessionId);
      if (isLive(target.session)) refuseAdopted(target);
      const isParent = byRunOf !== undefined && tree.isWithin(sessionId, byRunOf);
      const by = isParent && byRunOf !== sessionId ? "parent" : "user";
      await cancelling.cancel(sessionId, { by, ...(reason && { reason }) });
    },

    goOnCancelling: () => cancelling.goOn(),

    pause: (params) => pausing.pause(params),

    resume: (params) => pausing.resume(params),

    liveRun,
    askingChanged: (run) => waitingChanged(run, lifeParts()),

    async wait(params, ofRun, signal) {
      for (const id of params.sessionIds) runOf(id);
      return await wait(params, ofRun, signal);
    },

    isEnding(sessionId) {
      return tree.upwards(sessionId).some(({ session: { id } }) => {
        const kind = runs.get(id)?.causes[0]?.kind;
        const isMadeToEnd = kind !== undefined && kind !== "replaced";
        return isMadeToEnd || cancelling.isCancelling(id) || doomed.has(id);
      });
    },

    isDeleting: (sessionId) =>
      tree.upwards(sessionId).some(({ session }) => doomed.has(session.id)),

    async endForDeletion(sessionIds, remove) {
      const all = new Set(sessionIds);
      for (const id of all) {
        const record = tree.find(id);
        if (record === undefined || !isLive(record.session)) continue;
        if (!all.has(record.session.parentId ?? "")) refuseAdopted(record);
      }
      for (const id of sessionIds) doomed.add(id);
      const tops = sessionIds.filter((id) => !all.has(tree.find(id)?.session.parentId ?? ""));
      try {
        await Promise.all(tops.map((id) => cancelling.endTree(id, { kind: "deleted" })));
        const below = sessionIds.flatMap((id) => [...tree.descendantsOf(id), id]);
        await remove([...new Set(below)].filter((id) => tree.find(id) !== undefined));
      } finally {
        for (const id of sessionIds) doomed.delete(id);
      }
    },

    async stop(how) {
      stopping = true;
      queue.close();
      const cause: EndCause =
        how === "cancel" ? { kind: "cancelled", by: "user" } : { kind: "shutdown" };
      const all = [...runs.values()];
      for (const run of all) endRun(run, cause);
      await Promise.all(all.map((run) => run.done));
    },

    ended(session, fresh) {
      if (fresh !== undefined) {
        const record = tree.find(session.id);
        if (record !== undefined && !stopping) scheduler.add(record);
      }
      noticed(session.id);
    },
  };
  return scheduler;
}
