/**
 * One attempt of a run: gives the runner its context, and keeps the house safe from it. A runner
 * that throws, hangs, floods or says something too late cannot break the order of a run.
 */
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import type { AgentEvent } from "../../protocol/events.ts";
import type { Limits, Session, Usage } from "../../protocol/session.ts";
import { messageOf, runError, type EndCause, type RunOutcome } from "../sessions/endings.ts";
import { endRun, type LiveRun } from "./life.ts";
import type { AgentServices } from "./runServices.ts";
import { addUsage, exceededBudget } from "../sessions/limits.ts";
import type { Log } from "../base/log.ts";
import { runEnvironment } from "../processes/environment.ts";
import type { ProcessRecord, Processes } from "../processes/processes.ts";
import type { Paused, RunContext, Runner } from "../runners/runner.ts";
import type { SessionTree } from "../sessions/sessionTree.ts";
import type { Settings } from "../config/settings.ts";
import type { StateFolder } from "../base/stateFolder.ts";
import type { StoredSession } from "../sessions/records.ts";
import type { Store } from "../store/sessionStore.ts";
import { transition } from "../sessions/transition.ts";

export interface AttemptParts {
  tree: SessionTree;
  store: Store;
  processes: Processes;
  runners: { readonly [kind: string]: Runner | undefined };
  settings: () => Settings;
  folder: StateFolder;
  /** What the runs of a session start from, before only the allowed part of it is taken. */
  environmentOf: (sessionId: string) => NodeJS.ProcessEnv;
  /** What the core offers to the agent of a run. */
  services: (run: LiveRun, attempt: AbortSignal) => AgentServices;
  /** Ends the sub-agents that the agent of a run left open. */
  endAdopted: (run: LiveRun) => Promise<void>;
  now: () => number;
  log: Log;
}

export interface Attempts {
  attempt(run: LiveRun): Promise<RunOutcome | Paused>;
  /** Whether the run's agent has turns to pause at. */
  canPause(run: LiveRun): boolean;
  /** Counts for the run's session, or for a session that the run has adopted. */
  countUsage(run: LiveRun, more: Partial<Usage>, sessionId?: string): void;
  emit(run: LiveRun, event: AgentEvent): void;
}

/** What an agent that has had its last turn cannot do without another. */
const beginsTurn: ReadonlySet<AgentEvent["type"]> = new Set([
  "turn.started",
  "message.delta",
  "reasoning.delta",
  "tool.started",
]);

/** A runner waits before it reads more when this many characters of its events are not stored. */
const mostUnstored = 256 * 1024;
/** The same, in bytes, when this much of all runs waits for the store. */
const mostPending = 64 * 1024 * 1024;
/**
 * After an abort and the whole grace, a runner gets this long to return before it is given up; with
 * the default grace an orderly stop then stays within its 10 s.
 */
const hungAfterMs = 2_000;

export function createAttempts(parts: AttemptParts): Attempts {
  const { tree, store, processes, settings, now, log } = parts;
  const unstored = new WeakMap<LiveRun, { characters: number; waiting: (() => void)[] }>();
  const attempting = new Set<LiveRun>();
  /** Runs whose present turn is not counted yet. */
  const inTurn = new Set<LiveRun>();
  /** The processes that the runner named, per run. */
  const named = new WeakMap<LiveRun, ProcessRecord[]>();

  function unstoredOf(run: LiveRun) {
    const found = unstored.get(run) ?? { characters: 0, waiting: [] };
    unstored.set(run, found);
    return found;
  }

  function emit(run: LiveRun, event: AgentEvent): void {
    const facts = tree.live.get(run.sessionId);
    if (run.phase === "closed" || facts === undefined) {
      log.debug({ runId: run.runId, type: event.type }, "an event came after the end of its run");
      return;
    }
    facts.lastProgressAt = now();
    run.watchdog?.progress();
    if (run.afterLastTurn !== undefined && beginsTurn.has(event.type)) {
      endRun(run, run.afterLastTurn);
    }
    const flow = unstoredOf(run);
    const size = "text" in event ? event.text.length : 200;
    flow.characters += size;
    void tree
      .append(run.sessionId, run.runId, event)
      .catch((err: unknown) => {
        log.error({ err, runId: run.runId, type: event.type }, "an event could not be kept");
      })
      .then(() => {
        flow.characters -= size;
        if (flow.characters > mostUnstored || flow.waiting.length === 0) return;
        for (const go of flow.waiting.splice(0)) go();
      });
  }

  /** How a run ended does not hang on whether its leftovers could be found. */
  async function endLeftBehind(run: LiveRun, outcome: RunOutcome | undefined): Promise<void> {
    try {
      await endProcessesOf(run, outcome);
    } catch (err) {
      log.error({ err, runId: run.runId }, "what a run left behind could not be ended");
    }
  }

  /** The outcome is safe on disk before leftovers are ended, which may take a while. */
  async function endProcessesOf(run: LiveRun, outcome: RunOutcome | undefined): Promise<void> {
    const records = named.get(run) ?? [];
    const left = await processes.find({ runId: run.runId, records });
    if (left.length === 0) return;
    if (outcome !== undefined && run.phase === "ended") {
      const record = tree.get(run.sessionId);
      // A later core has to know which messages are answered by this.
      const read = outcome.status === "completed" && { unreadFrom: run.readUpTo + 1 };
      await tree.commit([{ records: [{ ...record, ...read, ending: outcome }] }], {
        ifFailing: "keep",
      });
    }
    const text = `ended ${left.length} background process${left.length === 1 ? "" : "es"}`;
    emit(run, { type: "note", level: "info", text });
    await processes.endProcesses({
      find: { runId: run.runId, records: [...records, ...left] },
      killAfterMs: settings().grace.killAfterMs,
    });
  }

  function contextOf(
    run: LiveRun,
    record: StoredSession,
    number: number,
    over: AbortSignal,
  ): RunContext {
    const { session, profile } = record;
    if (profile === undefined) throw new Error(`session ${session.id} has no agent`);
    return {
      session,
      runId: run.runId,
      attempt: number,
      prompt: run.prompt,
      ...(run.sincePause !== undefined && { sincePause: run.sincePause }),
      profile,
      limits: session.limits,
      cwd: session.cwd,
      stateDir: parts.folder.dir,
      runDir: join(parts.folder.runsDir, run.runId),
      environment: runEnvironment({
        base: parts.environmentOf(session.id),
        runId: run.runId,
        sessionId: session.id,
        stateDir: parts.folder.dir,
        binDir: parts.folder.binDir,
      }),
      grace: settings().grace,
      signal: run.controller.signal,
      ...parts.services(run, over),
      emit: (event) => emit(run, event),
      ready: async () => {
        const flow = unstoredOf(run);
        if (flow.characters > mostUnstored) {
          await new Promise<void>((resolve) => flow.waiting.push(resolve));
        }
        // A store that cannot write keeps everything in memory until it can.
        while (store.pendingBytes > mostPending && !run.controller.signal.aborted) await delay(100);
      },
      hasTurnLeft: () => run.afterLastTurn === undefined,
      beginTurn: () => beginTurn(run),
      addUsage: (more) => countUsage(run, more),
      setActivity: (activity) => {
        const facts = tree.live.get(run.sessionId);
        if (facts !== undefined && run.phase !== "closed") facts.activity = activity;
      },
      processStarted: (started) => {
        named.set(run, [...(named.get(run) ?? []), started]);
        void store.write({ processes: [{ runId: run.runId, ...started }], durability: "lazy" });
      },
      ended: async (outcome, leaving) => {
        if (run.phase === "open" && !run.controller.signal.aborted) run.phase = "ended";
        await leaving;
        await endLeftBehind(run, outcome);
      },
    };
  }

  function beginTurn(run: LiveRun): boolean {
    // A turn that failed was never counted.
    inTurn.delete(run);
    const cause = run.afterLastTurn ?? spentBudget(run.sessionId, inTurn)?.cause;
    if (cause !== undefined) endRun(run, cause);
    if (run.controller.signal.aborted) return false;
    inTurn.add(run);
    return true;
  }

  /** Adds to the session and to every session above it; ends runs whose tree is over its budget. */
  function countUsage(run: LiveRun, more: Partial<Usage>, sessionId = run.sessionId): void {
    if (run.phase === "closed") return;
    const added = { inputTokens: 0, outputTokens: 0, cachedInputTokens: 0, costUsd: 0 };
    const delta: Usage = { ...added, turns: 0, toolCalls: 0, ...more };
    const records: StoredSession[] = [];
    for (const record of tree.upwards(sessionId)) {
      const { id, usage, treeUsage } = record.session;
      const fields = {
        treeUsage: addUsage(treeUsage, delta),
        ...(id === sessionId && { usage: addUsage(usage, delta) }),
      };
      const session = transition(record.session, { type: "update", fields }, now());
      records.push({ ...record, session });
    }
    void tree.commit([{ records }], { ifFailing: "keep", durability: "lazy" });
    const own = records[0]?.session;
    if (own === undefined) return;
    if (sessionId === run.sessionId) emit(run, { type: "usage", ...own.usage });
    else void tree.append(sessionId, run.runId, { type: "usage", ...own.usage });
    run.turns += delta.turns;
    if (delta.turns > 0) inTurn.delete(run);
    if (delta.turns > 0 && run.turns > 1) warnOfUnknownCost(run, own);
    const { maxTurns } = settings();
    const spent = spentBudget(run.sessionId);
    if (spent !== undefined) {
      // Whoever works below that session draws on the same budget.
      for (const other of attempting) {
        if (!tree.isWithin(other.sessionId, spent.sessionId)) continue;
        if (other === run) stopSpending(run, spent);
        else endRun(other, spent.cause);
      }
    } else if (own.limits.maxTurns === undefined && run.turns >= maxTurns) {
      const over = { limit: "maxTurns", used: run.turns, max: maxTurns } as const;
      stopSpending(run, { over, cause: budgetCause(over, own.title) });
    }
  }

  /** Most providers do not say what a turn costs, and a budget of money then bounds nothing. */
  function warnOfUnknownCost(run: LiveRun, { usage, limits }: Session): void {
    const tokens = usage.inputTokens + usage.outputTokens;
    if (limits.maxCostUsd === undefined || tokens === 0 || usage.costUsd > 0) return;
    if (run.isCostWarned === true) return;
    run.isCostWarned = true;
    const text =
      "What this costs is not known, since neither the agent nor its provider says so: maxCostUsd " +
      "cannot be held. Set maxTokens as well.";
    emit(run, { type: "note", level: "warning", text });
  }

  /** A run that has had exactly its turns or calls may be done with the last one; it gets no other. */
  function stopSpending(run: LiveRun, { over, cause }: { over: Over; cause: EndCause }): void {
    const told = `${over.limit} ${over.max}`;
    if (run.budgetTold !== told) emit(run, { type: "budget", ...over });
    run.budgetTold = told;
    // Turns count when they end, calls when they begin.
    if (over.limit === "maxTurns" && over.used === over.max) run.afterLastTurn = cause;
    else if (over.limit !== "maxToolCalls" || over.used > over.max) endRun(run, cause);
  }

  /**
   * The budget that is used up, of the session or of one above it; of several the highest. The
   * turns that `begun` has begun count as taken.
   */
  function spentBudget(sessionId: string, begun: Iterable<LiveRun> = []) {
    let spent: { sessionId: string; over: Over; cause: ReturnType<typeof budgetCause> } | undefined;
    for (const { session } of tree.upwards(sessionId)) {
      const { limits, treeUsage } = session;
      const below = [...begun].filter((other) => tree.isWithin(other.sessionId, session.id));
      const turns = treeUsage.turns + below.length;
      const over = exceededBudget(limits, { ...treeUsage, turns });
      if (over !== undefined) {
        spent = { sessionId: session.id, over, cause: budgetCause(over, session.title) };
      }
    }
    return spent;
  }

  function runnerOf({ profile }: StoredSession): Runner | undefined {
    return parts.runners[profile?.runner.kind ?? "none"];
  }

  async function attempt(run: LiveRun): Promise<RunOutcome | Paused> {
    const over = new AbortController();
    attempting.add(run);
    try {
      return await attemptOnce(run, over);
    } finally {
      over.abort();
      attempting.delete(run);
      inTurn.delete(run);
    }
  }

  /** `over` is aborted when the runner has returned: what its agent asked, nobody asks any more. */
  async function attemptOnce(run: LiveRun, over: AbortController): Promise<RunOutcome | Paused> {
    const { signal } = run.controller;
    if (signal.aborted) return { status: "aborted" };
    const spent = spentBudget(run.sessionId)?.cause;
    if (spent !== undefined) {
      return { status: "error", error: runError(spent.code, spent.message) };
    }
    const record = tree.get(run.sessionId);
    const runner = runnerOf(record);
    if (runner === undefined) {
      const kind = record.profile?.runner.kind ?? "none";
      const message = `agent "${record.session.agent}" needs the runner ${kind}, which is not there`;
      return { status: "error", error: runError("invalid_request", message) };
    }
    const number = "attempt" in record.session ? record.session.attempt : 1;
    const context = contextOf(run, record, number, over.signal);
    const running = runner.run(context).catch((err: unknown) => {
      log.error({ err, runId: run.runId }, "a runner threw");
      return { status: "error", error: runError("internal", messageOf(err)) } as const;
    });
    const outcome = await Promise.race([running, hung(signal, over.signal)]);
    over.abort();
    delete run.takeMessage;
    delete run.pauseAtTurn;
    delete run.ask;
    if (run.phase === "open" && !signal.aborted) run.phase = "ended";
    await parts.endAdopted(run);
    await endLeftBehind(run, undefined);
    // What ends because it was told to has not ended by itself, whatever it says.
    return run.phase === "ended" ? outcome : { ...outcome, status: "aborted" };
  }

  /** Resolves when a runner does not return although its time is over. */
  function hung(signal: AbortSignal, over: AbortSignal): Promise<RunOutcome> {
    return new Promise((resolve) => {
      const begin = () => {
        const { termAfterMs, killAfterMs } = settings().grace;
        const timer = setTimeout(
          () => {
            log.warn({}, "a runner did not return when it was told to end");
            resolve({ status: "aborted" });
          },
          termAfterMs + killAfterMs + hungAfterMs,
        );
        over.addEventListener("abort", () => clearTimeout(timer), { once: true });
      };
      over.addEventListener("abort", () => signal.removeEventListener("abort", begin));
      if (signal.aborted) begin();
      else signal.addEventListener("abort", begin, { once: true });
    });
  }

  return {
    attempt,
    emit,
    countUsage,
    canPause({ sessionId }) {
      const record = tree.find(sessionId);
      if (record?.profile === undefined) return false;
      return runnerOf(record)?.canPause?.(record.profile) === true;
    },
  };
}

interface Over {
  limit: keyof Limits;
  used: number;
  max: number;
}

function budgetCause(
  { limit, used, max }: Over,
  title: string,
): Extract<EndCause, { kind: "budget" }> {
  const code = limit === "maxTurns" ? "max_turns" : "budget_exceeded";
  return { kind: "budget", code, message: `${limit} of "${title}" is used up: ${used} of ${max}` };
}
