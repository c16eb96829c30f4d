/**
 * The life of one run, from its slot to its completion. Read `live` first: it is the order of
 * behaviour that clients rely on, and it holds on every path, whatever a runner does.
 */
import { setTimeout as delay } from "node:timers/promises";
import type { AgentEvent } from "../protocol/events.ts";
import { isLive, noUsage, type RunError } from "../protocol/session.ts";
import type { Completions } from "./completions.ts";
import {
  beforeStart,
  endingOf,
  messageOf,
  runError,
  type EndCause,
  type Ending,
} from "./endings.ts";
import type { Log } from "./log.ts";
import type { News } from "./hub.ts";
import type { RunOutcome } from "./runners/runner.ts";
import type { SessionTree } from "./sessions.ts";
import type { Settings } from "./settings.ts";
import type { StoredSession } from "./store/records.ts";
import type { Store } from "./store/sessionStore.ts";
import { decide } from "./supervision.ts";
import { transition } from "./transition.ts";
import { startWatchdog, type Watchdog } from "./watchdog.ts";

/** A run that has a slot, or had one and waits for something. */
export interface LiveRun {
  readonly sessionId: string;
  readonly runId: string;
  readonly rootId: string;
  /** Why it has to end, in the order in which the reasons came. */
  readonly causes: EndCause[];
  readonly controller: AbortController;
  /** `open`: can be cancelled. `ended`: it ended by itself. `closed`: nothing more of it is told. */
  phase: "open" | "ended" | "closed";
  watchdog?: Watchdog;
  /** Number of the last message that it was given. */
  readUpTo: number;
  prompt: string;
  /** What its programs wait for, per wait: while there is any, the run is suspended. */
  readonly waits: Map<symbol, readonly string[]>;
  /** Turns that it took so far. */
  turns: number;
  /** Gives the agent a message while it works, where its runner can. */
  takeMessage?: (text: string) => "injected" | "queued";
  /** It failed, was handed to its parent, and waits for a message. */
  escalated?: { error: RunError; answered: () => void };
  /** Settles when its completion was told. */
  done: Promise<void>;
}

export interface LifeParts {
  tree: SessionTree;
  store: Store;
  completions: Completions;
  settings: () => Settings;
  /** Executes one attempt; owns the runner's context. */
  attempt: (run: LiveRun) => Promise<RunOutcome>;
  /** Gives the slot back, or takes one again; false when the run was aborted first. */
  slots: { release(run: LiveRun): void; acquire(run: LiveRun): Promise<boolean> };
  /** Numbers, stores and tells an event of the run. */
  emit: (run: LiveRun, event: AgentEvent) => void;
  /** Cancels what is open below the run and resolves when all of it has ended. */
  endDescendants: (run: LiveRun) => Promise<void>;
  /** Something changed that waits and the parent want to know of. */
  noticed: (sessionId: string) => void;
  tell: (news: News) => void;
  now: () => number;
  monotonicMs: () => number;
  random: () => number;
  log: Log;
}

/** Answers `false` when the store could not take the start: then the session is still queued. */
export async function live(run: LiveRun, parts: LifeParts): Promise<boolean> {
  const { completions, slots, log } = parts;
  const unable = await load(run, parts);
  // A core that stops leaves in the queue what has not started.
  if (run.causes[0]?.kind === "shutdown") return false;
  if (unable === undefined && !(await begin(run, parts))) return false;
  const ending = unable ?? (await superviseSafely(run, parts));
  if (endsSubtree(run, ending)) await parts.endDescendants(run);
  run.phase = "closed";
  run.watchdog?.stop();
  await completions.end(run.sessionId, ending, {
    readUpTo: run.readUpTo,
    ...(mayGoOn(run, ending) && { freshRun: "ifMessagesWait" }),
    beforeTelling: () => {
      parts.tree.live.delete(run.sessionId);
      slots.release(run);
    },
  });
  const { sessionId, runId } = run;
  log.info({ sessionId, runId, status: ending.status, reason: ending.reason }, "a run ended");
  return true;
}

/** A run that was made to end takes its subtree with it; one that ended by itself does not. */
function endsSubtree(run: LiveRun, ending: Ending): boolean {
  const kind = run.causes[0]?.kind;
  const isTemporary = kind === undefined || kind === "replaced" || kind === "shutdown";
  return ending.status !== "completed" && run.phase === "open" && !isTemporary;
}

/** Messages that came during a run get a run of their own, unless somebody wanted it to end. */
function mayGoOn(run: LiveRun, ending: Ending): boolean {
  return ending.status !== "interrupted" && !isUnwanted(run);
}

/** Somebody wanted it to end, perhaps too late to change how it did. */
export function isUnwanted({ causes }: LiveRun): boolean {
  return causes.some(({ kind }) => kind === "cancelled" || kind === "deleted");
}

/** Reads what the run is to work on; answers an ending where there is nothing or no way. */
async function load(run: LiveRun, { tree, store }: LifeParts): Promise<Ending | undefined> {
  const record = tree.find(run.sessionId);
  if (record === undefined) return beforeStart.notFound();
  if (record.session.kind !== "child") return beforeStart.isRoot();
  try {
    const messages = await store.messages(run.sessionId, record.unreadFrom - 1, 10_000);
    const [cause] = run.causes;
    if (cause !== undefined && cause.kind !== "shutdown") {
      return beforeStart.cancelled(cause.kind === "cancelled" ? cause.reason : undefined);
    }
    run.readUpTo = messages.at(-1)?.n ?? record.unreadFrom - 1;
    const unread = messages.filter(({ role }) => role === "user");
    if (unread.length === 0) return beforeStart.nothingToDo();
    run.prompt = unread.map(({ text }) => text).join("\n\n");
    return undefined;
  } catch (cause) {
    // Another run of the same messages would fail as well.
    run.readUpTo = record.session.messageCount;
    return beforeStart.unreadable(cause);
  }
}

/** Stores `running`, then tells `subAgent/started`: exactly once per run. */
async function begin(run: LiveRun, parts: LifeParts): Promise<boolean> {
  const { tree, now } = parts;
  const before = tree.get(run.sessionId);
  const session = transition(before.session, { type: "start" }, now());
  const record: StoredSession = { ...before, session, started: true };
  const startedAt = now();
  tree.live.set(run.sessionId, { lastHeartbeatAt: startedAt, lastProgressAt: startedAt });
  const attempt = "attempt" in session ? session.attempt : 1;
  const started: News = {
    method: "subAgent/started",
    params: { ...namesOf(run, before), attempt, session },
    rootId: run.rootId,
  };
  // A run that a crash of the core cut short was started before, in the eyes of every client.
  const isResumed = before.started === true;
  const stored = await tree.commit(
    [{ records: [record], ...(!isResumed && { first: [started] }) }],
    {
      ifFailing: "giveUp",
    },
  );
  if (stored) {
    watch(run, parts);
    parts.noticed(run.sessionId);
  } else {
    tree.live.delete(run.sessionId);
  }
  return stored;
}

function namesOf(run: LiveRun, { session }: StoredSession) {
  return {
    parentSessionId: session.parentId ?? "",
    childSessionId: run.sessionId,
    runId: run.runId,
  };
}

function watch(run: LiveRun, parts: LifeParts): void {
  const { tree, now, monotonicMs } = parts;
  const { heartbeatMs, stalledMs, watchdog } = parts.settings();
  const { timeoutMs, idleTimeoutMs } = tree.get(run.sessionId).session.limits;
  run.watchdog = startWatchdog({
    heartbeatMs,
    stalledMs,
    checkMs: watchdog.checkMs,
    totalMs: timeoutMs ?? watchdog.totalMs,
    idleMs: idleTimeoutMs ?? watchdog.idleMs,
    monotonicMs,
    onHeartbeat: () => beat(run, parts),
    onStalled: (stalled) => {
      const record = tree.get(run.sessionId);
      if (record.session.status !== "running") return;
      const session = transition(record.session, { type: "stall", stalled }, now());
      void tree.commit([{ records: [{ ...record, session }] }], { ifFailing: "keep" });
    },
    onTimeout: (kind, afterMs, maxMs) => endRun(run, { kind, afterMs, maxMs }),
  });
}

function beat(run: LiveRun, { tree, tell, now }: LifeParts): void {
  const facts = tree.live.get(run.sessionId);
  const record = tree.find(run.sessionId);
  if (facts === undefined || record === undefined) return;
  facts.lastHeartbeatAt = now();
  tell({
    method: "subAgent/heartbeat",
    params: {
      ...namesOf(run, record),
      timestamp: facts.lastHeartbeatAt,
      lastProgressAt: facts.lastProgressAt,
      stalled: "stalled" in record.session && record.session.stalled,
      ...(facts.activity && { activity: facts.activity }),
      usage: record.session.usage ?? noUsage,
    },
    rootId: run.rootId,
  });
}

/** Asks a run to end, for a reason. One that has ended by itself keeps its end, but is not restarted. */
export function endRun(run: LiveRun, cause: EndCause): void {
  if (run.phase === "closed") return;
  run.causes.push(cause);
  if (run.phase === "open") run.controller.abort(cause);
}

/** A fault in the house itself ends the run, but never its order. */
async function superviseSafely(run: LiveRun, parts: LifeParts): Promise<Ending> {
  try {
    return await supervise(run, parts);
  } catch (err) {
    const { sessionId, runId } = run;
    parts.log.error({ err, sessionId, runId }, "the supervision of a run failed");
    return { status: "error", error: runError("internal", messageOf(err)) };
  }
}

/** Attempts until one ends the run: by success, by a final error, or because it has to end. */
async function supervise(run: LiveRun, parts: LifeParts): Promise<Ending> {
  const { settings, monotonicMs, tree } = parts;
  let restarts = 0;
  for (;;) {
    const beganMs = monotonicMs();
    const outcome = await parts.attempt(run);
    if (outcome.status !== "error" || run.causes.length > 0) return endingOf(outcome, run.causes);
    if (monotonicMs() - beganMs >= settings().restarts.stableMs) restarts = 0;
    const policy = tree.get(run.sessionId).profile?.restart;
    const decision = decide(outcome.error, restarts, policy, settings().restarts, parts.random);
    if (decision.type === "stop") return endingOf(outcome, run.causes);
    run.phase = "open";
    const goesOn =
      decision.type === "restart"
        ? await restartAfter(run, decision.inMs, outcome.error, parts)
        : await escalate(run, outcome.error, parts);
    // It reads again what it has not answered, with whatever came meanwhile.
    const unable = goesOn ? await load(run, parts) : undefined;
    if (run.causes.length > 0) return endingOf({ ...outcome, status: "aborted" }, run.causes);
    if (unable !== undefined) return unable;
    await countAttempt(run, parts);
    restarts = decision.type === "restart" ? restarts + 1 : 0;
  }
}

async function restartAfter(
  run: LiveRun,
  inMs: number,
  error: RunError,
  parts: LifeParts,
): Promise<boolean> {
  parts.emit(run, { type: "retry", attempt: attemptOf(run, parts) + 1, inMs, error });
  try {
    await delay(inMs, undefined, { signal: run.controller.signal });
  } catch {
    return false;
  }
  // It may have failed while it waited for its children: whoever waited is gone.
  run.waits.clear();
  return await wake(run, parts);
}

function attemptOf(run: LiveRun, { tree }: LifeParts): number {
  const { session } = tree.get(run.sessionId);
  return "attempt" in session ? session.attempt : 1;
}

async function countAttempt(run: LiveRun, parts: LifeParts): Promise<void> {
  const attempt = attemptOf(run, parts) + 1;
  const { ending: _failed, ...record } = parts.tree.get(run.sessionId);
  const session = transition(record.session, { type: "restart", attempt }, parts.now());
  await parts.tree.commit([{ records: [{ ...record, session }] }], { ifFailing: "keep" });
}

/** Hands the error to the parent and waits, alive and without a slot, for a new message. */
async function escalate(run: LiveRun, error: RunError, parts: LifeParts): Promise<boolean> {
  const text = `failed and waits for a message: ${error.message}`;
  parts.emit(run, { type: "note", level: "error", text });
  const { signal } = run.controller;
  const answer = Promise.withResolvers<void>();
  signal.addEventListener("abort", () => answer.resolve(), { once: true });
  run.escalated = { error, answered: answer.resolve };
  run.waits.clear();
  await suspend(run, { kind: "input", ids: [] }, parts);
  const { messageCount } = parts.tree.get(run.sessionId).session;
  // A message that came while it still worked is an answer too.
  if (signal.aborted || messageCount > run.readUpTo) answer.resolve();
  else parts.noticed(run.sessionId);
  await answer.promise;
  delete run.escalated;
  return await wake(run, parts);
}

/** The run waits, or waits for something else now, and gives its slot back. */
export async function suspend(
  run: LiveRun,
  waitingFor: { kind: "children" | "input"; ids: string[] },
  parts: LifeParts,
): Promise<void> {
  const record = parts.tree.find(run.sessionId);
  if (run.phase === "closed" || record === undefined || !isLive(record.session)) return;
  run.watchdog?.suspend();
  const session = transition(record.session, { type: "suspend", waitingFor }, parts.now());
  if (record.session.status === "running") {
    const reason = waitingFor.kind;
    parts.emit(run, { type: "status", from: "running", to: "suspended", reason });
  }
  await parts.tree.commit([{ records: [{ ...record, session }] }], { ifFailing: "keep" });
  if (isSuspended(run, parts)) parts.slots.release(run);
}

/** The run has what it waited for: it takes a slot again. False when it was aborted instead. */
export async function wake(run: LiveRun, parts: LifeParts): Promise<boolean> {
  const isClosed = () => run.phase === "closed";
  if (isClosed() || !(await parts.slots.acquire(run))) return false;
  if (isClosed() || run.waits.size > 0) {
    // It has ended, or another of its programs has begun to wait.
    parts.slots.release(run);
    return false;
  }
  if (!isSuspended(run, parts)) return true;
  const record = parts.tree.get(run.sessionId);
  const session = transition(record.session, { type: "wake" }, parts.now());
  run.watchdog?.wake();
  parts.emit(run, { type: "status", from: "suspended", to: "running" });
  await parts.tree.commit([{ records: [{ ...record, session }] }], { ifFailing: "keep" });
  return !run.controller.signal.aborted;
}

function isSuspended(run: LiveRun, { tree }: LifeParts): boolean {
  return run.phase !== "closed" && tree.find(run.sessionId)?.session.status === "suspended";
}
