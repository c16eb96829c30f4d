/**
 * The life of one run, from its slot to its completion. Read `live` first: it is the order of
 * behaviour that clients rely on, and it holds on every path, whatever a runner does.
 */
import { setTimeout as delay } from "node:timers/promises";
import type { AgentEvent } from "../../protocol/events.ts";
import { noUsage, type Message, type RunError } from "../../protocol/session.ts";
import type { Completions } from "./completions.ts";
import {
  beforeStart,
  endingOf,
  messageOf,
  runError,
  type EndCause,
  type Ending,
  type RunOutcome,
} from "../sessions/endings.ts";
import type { Log } from "../base/log.ts";
import type { News } from "../sessions/news.ts";
import { hold } from "./pause.ts";
import type { Paused, RunContext } from "../runners/runner.ts";
import type { SessionTree } from "../sessions/sessionTree.ts";
import type { Settings } from "../config/settings.ts";
import type { HeldRun, StoredSession } from "../sessions/records.ts";
import type { Store } from "../store/sessionStore.ts";
import { decide } from "./supervise.ts";
import { suspend, wake } from "./suspension.ts";
import { transition } from "../sessions/transition.ts";
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
  /** Numbers of the last message that it was given, and of the last that its agent has read. */
  givenUpTo: number;
  readUpTo: number;
  prompt: string;
  /** What its programs wait for, per wait: while there is any, the run is suspended. */
  readonly waits: Map<symbol, readonly string[]>;
  /** Approvals that its agent waits for. */
  readonly asking: Set<string>;
  /** Turns that it took so far. */
  turns: number;
  /** The budget that it was last told is used up. */
  budgetTold?: string;
  /** It was told that a budget of money bounds nothing in it. */
  isCostWarned?: true;
  /** It has had its last turn: it may end by itself, and is ended when it begins another. */
  afterLastTurn?: EndCause;
  /** Prompts of sub-agents that a person has allowed when the agent itself asked. */
  readonly spawnsAllowed: Set<string>;
  /** Asks for leave on behalf of its agent, while an attempt is on. */
  ask?: RunContext["ask"];
  /** Gives the agent a message while it works, where its runner can; `read` is called when it has. */
  takeMessage?: (text: string, read: () => void) => "injected" | "queued";
  /** It shall pause at its next turn; withdrawn: and go on then. */
  pause?: "wanted" | "withdrawn";
  /** Tells its agent so, where its runner can. */
  pauseAtTurn?: () => void;
  /** It goes on after a pause, until an attempt fails. */
  held?: HeldRun;
  /** The messages since that pause. */
  sincePause?: string;
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
  attempt: (run: LiveRun) => Promise<RunOutcome | Paused>;
  /** Gives the slot back, or takes one again; false when the run was aborted first. */
  slots: { release(run: LiveRun): void; acquire(run: LiveRun): Promise<boolean> };
  /** The run is no longer live: it gives its slot back and is forgotten. */
  leave: (run: LiveRun) => void;
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
  goOnFrom(run, parts.tree.find(run.sessionId)?.held);
  const unable = await load(run, parts);
  // A core that stops leaves in the queue what has not started.
  if (run.causes[0]?.kind === "shutdown") return false;
  if (unable === undefined && !(await begin(run, parts))) return false;
  const ending = unable ?? (await superviseSafely(run, parts));
  if (ending === "paused") {
    await hold(run, parts);
    return true;
  }
  if (endsSubtree(run, ending)) await parts.endDescendants(run);
  // The answer gets the number behind the last message, and none that is refused may lie between.
  await parts.tree.messagesDecided(run.sessionId);
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

function goOnFrom(run: LiveRun, held: HeldRun | undefined): void {
  if (held === undefined) return;
  run.held = held;
  run.turns = held.turns;
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
    run.givenUpTo = run.readUpTo;
    const unread = messages.filter(({ role }) => role === "user");
    if (unread.length === 0) return beforeStart.nothingToDo();
    const { held } = run;
    run.prompt = joined(unread);
    if (held === undefined) delete run.sincePause;
    else run.sincePause = joined(unread.filter(({ n }) => n > held.upTo));
    return undefined;
  } catch (cause) {
    // Another run of the same messages would fail as well.
    run.readUpTo = record.session.messageCount;
    return beforeStart.unreadable(cause);
  }
}

function joined(messages: readonly Message[]): string {
  return messages.map(({ text }) => text).join("\n\n");
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
    if (run.held) parts.emit(run, { type: "status", from: "paused", to: "running" });
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
    ranBeforeMs: run.held?.ranMs ?? 0,
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
async function superviseSafely(run: LiveRun, parts: LifeParts): Promise<Ending | "paused"> {
  try {
    return await supervise(run, parts);
  } catch (err) {
    const { sessionId, runId } = run;
    parts.log.error({ err, sessionId, runId }, "the supervision of a run failed");
    return { status: "error", error: runError("internal", messageOf(err)) };
  }
}

/** Attempts until one ends the run: by success, by a final error, or because it has to end or pause. */
async function supervise(run: LiveRun, parts: LifeParts): Promise<Ending | "paused"> {
  const { settings, monotonicMs, tree } = parts;
  let restarts = 0;
  for (;;) {
    const beganMs = monotonicMs();
    const outcome = await parts.attempt(run);
    if (outcome.status === "paused") return pausedOrEnded(run);
    if (outcome.status !== "error" || run.causes.length > 0) return endingOf(outcome, run.causes);
    if (monotonicMs() - beganMs >= settings().restarts.stableMs) restarts = 0;
    const policy = tree.get(run.sessionId).profile?.restart;
    const decision = decide(outcome.error, restarts, policy, settings().restarts, parts.random);
    if (decision.type === "stop") return endingOf(outcome, run.causes);
    run.phase = "open";
    delete run.held;
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

/** Whatever wants it to end wins over a pause, and nobody pauses who was not asked to. */
function pausedOrEnded({ causes, pause }: LiveRun): Ending | "paused" {
  if (causes.length > 0) return endingOf({ status: "aborted" }, causes);
  if (pause !== undefined) return "paused";
  const message = "the runner paused without being asked to";
  return { status: "error", error: runError("internal", message) };
}

async function restartAfter(
  run: LiveRun,
  inMs: number,
  error: RunError,
  parts: LifeParts,
): Promise<boolean> {
  parts.emit(run, { type: "retry", attempt: attemptOf(run, parts) + 1, inMs, error });
  // It may have failed while it waited for its children: whoever waited is gone, and its slot may
  // be one above the bound.
  run.waits.clear();
  parts.slots.release(run);
  try {
    await delay(inMs, undefined, { signal: run.controller.signal });
  } catch {
    return false;
  }
  run.watchdog?.suspend();
  const hasSlot = await wake(run, parts);
  run.watchdog?.wake();
  return hasSlot;
}

function attemptOf(run: LiveRun, { tree }: LifeParts): number {
  const { session } = tree.get(run.sessionId);
  return "attempt" in session ? session.attempt : 1;
}

async function countAttempt(run: LiveRun, parts: LifeParts): Promise<void> {
  const attempt = attemptOf(run, parts) + 1;
  const { ending: _failed, held: _gone, ...record } = parts.tree.get(run.sessionId);
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
  await suspend(run, parts);
  const { messageCount } = parts.tree.get(run.sessionId).session;
  // A message that came while it still worked is an answer too.
  if (signal.aborted || messageCount > run.readUpTo) answer.resolve();
  else parts.noticed(run.sessionId);
  await answer.promise;
  delete run.escalated;
  return await wake(run, parts);
}
