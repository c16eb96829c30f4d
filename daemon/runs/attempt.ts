/**
 * One attempt of a run: gives the runner its context, and holds the order of a run whatever the
 * runner does: a runner that hangs, floods or calls too late cannot break the order.
 */
import { join } from "node:path";
import { messageOf, runError } from "../base/errors.ts";
import type { StateFolder } from "../base/stateFolder.ts";
import { runEnvironment } from "../processes/environment.ts";
import type { ProcessRecord, Processes } from "../processes/processes.ts";
import type { Paused, RunContext, Runner } from "../runners/runner.ts";
import type { RunOutcome } from "../sessions/endings.ts";
import type { StoredSession } from "../sessions/records.ts";
import type { AdoptedChildren } from "./adoptedChildren.ts";
import type { Engine } from "./engine.ts";
import type { Attempt, Run } from "./run.ts";
import type { RunServices } from "./runServices.ts";

export interface AttemptParts {
  engine: Engine;
  processes: Processes;
  runners: { readonly [kind: string]: Runner | undefined };
  folder: StateFolder;
  /** What the runs of a session start from, before only the allowed part of it is taken. */
  environmentOf: (sessionId: string) => NodeJS.ProcessEnv;
  /** What the core offers to the agent of a run. */
  services: RunServices;
  adopted: AdoptedChildren;
}

/**
 * After an abort and the whole grace, a runner gets this long to return before it is given up; with
 * the default grace an orderly stop then stays within its 10 s.
 */
const hungAfterMs = 2_000;

export class Attempts {
  readonly #parts: AttemptParts;
  /** The processes that runners named, per run. */
  readonly #named = new WeakMap<Run, ProcessRecord[]>();

  constructor(parts: AttemptParts) {
    this.#parts = parts;
  }

  /** Whether the agent of the session has turns to pause at. */
  canPause(record: StoredSession): boolean {
    if (record.profile === undefined) return false;
    return this.#runnerOf(record)?.canPause?.(record.profile) === true;
  }

  async attempt(run: Run): Promise<RunOutcome | Paused> {
    const { tree, budget } = this.#parts.engine;
    const { signal } = run.stop;
    if (signal.aborted) return { status: "aborted" };
    const spent = budget.spentBy(run.sessionId)?.cause;
    if (spent !== undefined) {
      return { status: "error", error: runError(spent.code, spent.message) };
    }
    const record = tree.get(run.sessionId);
    const runner = this.#runnerOf(record);
    if (runner === undefined) {
      const kind = record.profile?.runner.kind ?? "none";
      const message = `agent "${record.session.agent}" needs the runner ${kind}, which is not there`;
      return { status: "error", error: runError("invalid_request", message) };
    }
    const over = new AbortController();
    const number = "attempt" in record.session ? record.session.attempt : 1;
    run.move({ type: "attempt", attempt: { number, over: over.signal } });
    try {
      return await this.#execute(run, runner, record, over);
    } finally {
      over.abort();
      budget.turnOver(run);
    }
  }

  async #execute(
    run: Run,
    runner: Runner,
    record: StoredSession,
    over: AbortController,
  ): Promise<RunOutcome | Paused> {
    const { adopted, engine } = this.#parts;
    const { attempt, stop } = run;
    if (attempt === undefined) throw new Error("an attempt that has not begun cannot be executed");
    const running = runner.run(this.#contextOf(run, record, attempt)).catch((err: unknown) => {
      engine.log.error({ err, runId: run.runId }, "a runner threw");
      return { status: "error", error: runError("internal", messageOf(err)) } as const;
    });
    const outcome = await Promise.race([running, this.#hung(stop.signal, over.signal)]);
    over.abort();
    if (run.state.at === "attempting" && !stop.signal.aborted) run.move({ type: "settle" });
    await adopted.endAll(run);
    await this.#endLeftBehind(run, undefined);
    // An attempt that was aborted did not end by itself, whatever its runner answers.
    return run.state.at === "settling" ? outcome : { ...outcome, status: "aborted" };
  }

  /** What the runner of an attempt gets; its calls after the end of the attempt are dropped. */
  #contextOf(run: Run, record: StoredSession, attempt: Attempt): RunContext {
    const { engine, folder, services } = this.#parts;
    const { tree, events, budget, store, settings } = engine;
    const { session, profile } = record;
    if (profile === undefined) throw new Error(`session ${session.id} has no agent`);
    const { prompt, sincePause } = run.inbox;
    const isOver = () => attempt.over.aborted;
    return {
      session,
      runId: run.runId,
      attempt: attempt.number,
      prompt,
      ...(sincePause !== undefined && { sincePause }),
      profile,
      limits: session.limits,
      cwd: session.cwd,
      stateDir: folder.dir,
      runDir: join(folder.runsDir, run.runId),
      environment: runEnvironment({
        base: this.#parts.environmentOf(session.id),
        runId: run.runId,
        sessionId: session.id,
        stateDir: folder.dir,
        binDir: folder.binDir,
      }),
      grace: settings().grace,
      signal: run.stop.signal,
      ...services.of(run, attempt),
      emit: (event) => {
        if (!isOver()) events.emit(run, event);
      },
      ready: () => events.ready(run),
      hasTurnLeft: () => run.meter.afterLastTurn === undefined,
      beginTurn: () => !isOver() && budget.beginTurn(run),
      addUsage: (more) => {
        if (!isOver()) budget.count(run, more);
      },
      setActivity: (activity) => {
        const facts = tree.live.get(run.sessionId);
        if (facts !== undefined && !isOver() && !run.isClosed) facts.activity = activity;
      },
      processStarted: (started) => {
        this.#named.set(run, [...(this.#named.get(run) ?? []), started]);
        void store.write({ processes: [{ runId: run.runId, ...started }], durability: "lazy" });
      },
      ended: async (outcome, leaving) => {
        const isCurrent = run.attempt === attempt && !isOver();
        const isOwnEnd = isCurrent && run.state.at === "attempting" && !run.stop.signal.aborted;
        if (isOwnEnd) run.move({ type: "settle" });
        await leaving;
        if (isCurrent) await this.#endLeftBehind(run, outcome);
      },
    };
  }

  /** Failing to find leftover processes must not change the outcome. */
  async #endLeftBehind(run: Run, outcome: RunOutcome | undefined): Promise<void> {
    try {
      await this.#endProcessesOf(run, outcome);
    } catch (err) {
      const { log } = this.#parts.engine;
      log.error({ err, runId: run.runId }, "the processes that a run left could not be ended");
    }
  }

  /** The outcome is safe on disk before leftovers are ended, which may take a while. */
  async #endProcessesOf(run: Run, outcome: RunOutcome | undefined): Promise<void> {
    const { engine, processes } = this.#parts;
    const records = this.#named.get(run) ?? [];
    const left = await processes.find({ runId: run.runId, records });
    if (left.length === 0) return;
    if (outcome !== undefined && run.state.at === "settling") {
      const record = engine.tree.get(run.sessionId);
      // A later core has to know which messages are answered by this.
      const read = outcome.status === "completed" && { unreadFrom: run.inbox.readUpTo + 1 };
      await engine.tree.commit([{ records: [{ ...record, ...read, ending: outcome }] }], {
        ifFailing: "retry",
      });
    }
    const text = `ended ${left.length} background process${left.length === 1 ? "" : "es"}`;
    engine.events.emit(run, { type: "note", level: "info", text });
    await processes.endProcesses({
      find: { runId: run.runId, records: [...records, ...left] },
      killAfterMs: engine.settings().grace.killAfterMs,
    });
  }

  #runnerOf({ profile }: StoredSession): Runner | undefined {
    return this.#parts.runners[profile?.runner.kind ?? "none"];
  }

  /** Resolves when a runner does not return although its time is over. */
  #hung(signal: AbortSignal, over: AbortSignal): Promise<RunOutcome> {
    const { settings, clock, log } = this.#parts.engine;
    return new Promise((resolve) => {
      const begin = () => {
        const { termAfterMs, killAfterMs } = settings().grace;
        const cancel = clock.after(termAfterMs + killAfterMs + hungAfterMs, () => {
          log.warn({}, "a runner did not return when it had to end");
          resolve({ status: "aborted" });
        });
        over.addEventListener("abort", cancel, { once: true });
      };
      over.addEventListener("abort", () => signal.removeEventListener("abort", begin));
      if (signal.aborted) begin();
      else signal.addEventListener("abort", begin, { once: true });
    });
  }
}
