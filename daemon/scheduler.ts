/**
 * Which run goes next, and everything that can be asked of runs: queueing, cancelling, pausing,
 * sending, waiting, deleting, stopping. What happens inside one run stands in life.ts.
 */
import { v7 as newId } from "uuid";
import { OffshootError } from "../protocol/errors.ts";
import type { ParamsOf, ResultOf } from "../protocol/messages.ts";
import { isLive, isTerminal, type Session } from "../protocol/session.ts";
import type { Attempts } from "./attempts.ts";
import { completionOf, type Completions } from "./completions.ts";
import { beforeStart, type EndCause } from "./endings.ts";
import { endRun, live, suspend, wake, type LifeParts, type LiveRun } from "./life.ts";
import type { RunQueue } from "./queue.ts";
import type { SessionTree } from "./sessions.ts";
import { createSlots } from "./slots.ts";
import type { StoredSession } from "./store/records.ts";
import { isOpen, transition } from "./transition.ts";
import { createWaits, type WaitState, type Waits } from "./waits.ts";

export interface Scheduler {
  readonly runningCount: number;
  readonly suspendedCount: number;
  readonly queuedCount: number;
  /** Starts what may start. Call it when something was queued or a bound has changed. */
  pump(): void;
  /** Puts a queued session in its place, after it was stored as queued. */
  add(record: StoredSession): void;
  /** Queues a new run of a session that has none. */
  run(sessionId: string): Promise<Session>;
  send(params: ParamsOf<"session/send">): Promise<ResultOf<"session/send">["delivery"]>;
  /** Ends the subtree, children first. `byRunOf`: the session whose run asks for it. */
  cancel(sessionId: string, reason: string | undefined, byRunOf: string | undefined): void;
  pause(params: ParamsOf<"session/pause">): Promise<void>;
  resume(params: ParamsOf<"session/resume">): Promise<void>;
  wait(
    params: ParamsOf<"session/wait">,
    ofRun: { sessionId: string; runId: string } | undefined,
    signal: AbortSignal,
  ): Promise<ResultOf<"session/wait">>;
  /** Whether the session, or one above it, is being made to end: nothing new belongs below it. */
  isEnding(sessionId: string): boolean;
  /** Cancels what is open below and at the session, and resolves when all of it has ended. */
  endForDeletion(sessionIds: readonly string[]): Promise<void>;
  /** Takes no new work, ends live runs, resolves when their ends are stored. */
  stop(runs: "interrupt" | "cancel"): Promise<void>;
  readonly waits: Waits;
  /** Called by the completions when a run has ended. */
  ended(session: Session, fresh: StoredSession | undefined): void;
}

export type SchedulerParts = Omit<
  LifeParts,
  "attempt" | "emit" | "slots" | "noticed" | "completions" | "endDescendants"
> & {
  queue: RunQueue;
  attempts: Attempts;
  /** The completions need the scheduler and the other way round: it is asked for when needed. */
  completions: () => Completions;
};

export function createScheduler(parts: SchedulerParts): Scheduler {
  const { tree, queue, store, settings, now, log } = parts;
  const runs = new Map<string, LiveRun>();
  const slots = createSlots(() => settings().concurrency);
  const waits = createWaits(waitState);
  let stopping = false;

  function pump(): void {
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
      readUpTo: 0,
      prompt: "",
      done: Promise.resolve(),
    };
    runs.set(session.id, run);
    slots.take(run);
    run.done = follow(run);
  }

  async function follow(run: LiveRun): Promise<void> {
    try {
      const began = await live(run, lifeParts());
      if (!began) slots.release(run);
      runs.delete(run.sessionId);
      if (!began) backToQueue(run);
    } catch (err) {
      // Only a fault of the house comes here; the session keeps its state and says so at restart.
      log.error({ err, runId: run.runId }, "the life of a run failed");
      slots.release(run);
      runs.delete(run.sessionId);
    }
    pump();
  }

  /** The store could not take the start, or the core stops: the job waits on, unless cancelled. */
  function backToQueue(run: LiveRun): void {
    const record = tree.find(run.sessionId);
    if (record?.session.status !== "queued" || stopping) return;
    const [cause] = run.causes;
    if (cause === undefined) scheduler.add(record);
    else endUnstarted(record.session.id, reasonOf(cause));
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
      async endDescendants(run) {
        const ids = tree.descendantsOf(run.sessionId);
        await Promise.all(ids.map((id) => endSession(id, { kind: "cancelled", by: "parent" })));
      },
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

  function endUnstarted(sessionId: string, reason?: string): Promise<boolean> {
    queue.remove(sessionId);
    return parts.completions().end(sessionId, beforeStart.cancelled(reason));
  }

  /** A session that never had a run gets one that never starts, so that its end can be told. */
  async function endCreated(record: StoredSession, reason?: string): Promise<void> {
    const move = { type: "enqueue", runId: newId() } as const;
    const session = transition(record.session, move, now());
    const queued = { ...record, session };
    void tree.commit([{ records: [queued] }], { ifFailing: "keep" });
    await endUnstarted(session.id, reason);
  }

  /** Ends whatever is open of one session; resolves when its end was told. */
  async function endSession(sessionId: string, cause: EndCause): Promise<void> {
    const run = runs.get(sessionId);
    if (run !== undefined) {
      endRun(run, cause);
      return await run.done;
    }
    const record = tree.find(sessionId);
    if (record?.session.status === "created") return await endCreated(record, reasonOf(cause));
    if (record !== undefined && isOpen(record.session)) {
      await endUnstarted(sessionId, reasonOf(cause));
    }
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

  function refuseWhileStopping(): void {
    if (stopping) throw new OffshootError("shuttingDown", "the core is stopping", {});
  }

  async function enqueue(record: StoredSession, message: string | undefined): Promise<Session> {
    refuseWhileStopping();
    queue.admit(record.session.rootId, settings().queue);
    const at = now();
    const moved = transition(record.session, { type: "enqueue", runId: newId() }, at);
    const added = message === undefined ? {} : appended(record, message);
    const session = { ...moved, messageCount: record.session.messageCount + (message ? 1 : 0) };
    const queued: StoredSession = { ...record, session, started: false };
    const stored = await tree.commit([{ records: [queued], ...added }], { ifFailing: "giveUp" });
    if (!stored) throw storeUnavailable();
    scheduler.add(tree.get(session.id));
    return tree.show(session.id);
  }

  function appended({ session }: StoredSession, text: string) {
    const n = session.messageCount + 1;
    const message = { n, at: now(), role: "user" as const, text };
    return { messages: [{ sessionId: session.id, message }] };
  }

  function storeUnavailable(): OffshootError {
    const cause = store.health.ok ? "the write failed" : store.health.cause;
    return new OffshootError("storeUnavailable", `the store cannot take it: ${cause}`, { cause });
  }

  /** Keeps a message for the run that is under way, or for the next one. */
  async function keepMessage(record: StoredSession, text: string): Promise<void> {
    const messageCount = record.session.messageCount + 1;
    const session = { ...record.session, messageCount };
    const fields = {};
    const next = { ...record, session: transition(session, { type: "update", fields }, now()) };
    const stored = await tree.commit([{ records: [next], ...appended(record, text) }], {
      ifFailing: "giveUp",
    });
    if (!stored) throw storeUnavailable();
  }

  async function moveAll(
    { sessionId, tree: whole }: ParamsOf<"session/pause">,
    from: "queued" | "paused",
    move: (record: StoredSession) => Promise<void>,
  ): Promise<void> {
    if (whole !== true) return await move(runOf(sessionId));
    tree.get(sessionId);
    for (const id of [sessionId, ...tree.descendantsOf(sessionId)]) {
      const record = tree.get(id);
      if (record.session.status === from && !runs.has(id)) await move(record);
    }
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
      pump();
    },

    run: (sessionId) => enqueue(runOf(sessionId), undefined),

    async send({ sessionId, text, interrupt }) {
      refuseWhileStopping();
      const record = runOf(sessionId);
      const run = runs.get(sessionId);
      if (!isOpen(record.session) && run === undefined) {
        await enqueue(record, text);
        return "run";
      }
      await keepMessage(record, text);
      if (run?.escalated !== undefined) {
        run.escalated.answered();
        return "injected";
      }
      if (interrupt === true && run !== undefined) endRun(run, { kind: "replaced" });
      return "queued";
    },

    cancel(sessionId, reason, byRunOf) {
      tree.get(sessionId);
      const isParent = byRunOf !== undefined && tree.isWithin(sessionId, byRunOf);
      for (const id of tree.descendantsOf(sessionId)) {
        void endSession(id, { kind: "cancelled", by: "parent", ...(reason && { reason }) });
      }
      const by = isParent && byRunOf !== sessionId ? "parent" : "user";
      void endSession(sessionId, { kind: "cancelled", by, ...(reason && { reason }) });
    },

    pause: (params) =>
      moveAll(params, "queued", async (record) => {
        const { session } = record;
        if (runs.has(session.id) || isLive(session)) {
          throw new OffshootError(
            "invalidState",
            `session ${session.id} runs a program, which has no turns to pause at`,
            { status: session.status },
          );
        }
        const paused = { ...record, session: transition(session, { type: "pause" }, now()) };
        queue.remove(session.id);
        if (await tree.commit([{ records: [paused] }], { ifFailing: "giveUp" })) return;
        scheduler.add(tree.get(session.id));
        throw storeUnavailable();
      }),

    resume: (params) =>
      moveAll(params, "paused", async (record) => {
        refuseWhileStopping();
        queue.admit(record.session.rootId, settings().queue);
        const session = transition(record.session, { type: "resume" }, now());
        const resumed = { ...record, session };
        if (!(await tree.commit([{ records: [resumed] }], { ifFailing: "giveUp" }))) {
          throw storeUnavailable();
        }
        scheduler.add(tree.get(session.id));
      }),

    async wait(params, ofRun, signal) {
      for (const id of params.sessionIds) runOf(id);
      const longest = settings().longestWaitMs;
      const run = ofRun === undefined ? undefined : runs.get(ofRun.sessionId);
      const isOver = async () => await waits.wait({ ...params, timeoutMs: 0 }, longest, signal);
      const first = await isOver();
      if (!first.timedOut || run === undefined || run.runId !== ofRun?.runId) {
        return first.timedOut ? await waits.wait(params, longest, signal) : first;
      }
      try {
        await suspend(run, { kind: "children", ids: first.pending }, lifeParts());
        return await waits.wait(params, longest, signal);
      } finally {
        await wake(run, lifeParts());
      }
    },

    isEnding(sessionId) {
      for (const run of runs.values()) {
        const kind = run.causes[0]?.kind;
        if (kind === undefined || kind === "replaced") continue;
        if (tree.isWithin(sessionId, run.sessionId)) return true;
      }
      return false;
    },

    async endForDeletion(sessionIds) {
      await Promise.all(sessionIds.map((id) => endSession(id, { kind: "deleted" })));
    },

    async stop(how) {
      stopping = true;
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

function reasonOf(cause: EndCause): string | undefined {
  return cause.kind === "cancelled" ? cause.reason : undefined;
}
