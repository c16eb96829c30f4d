/**
 * A live run: one that has a slot, or had one and waits. `step` says which states there are and
 * which way leads from one to the next; `Run.move` is the only thing that writes a state.
 */
import type { RunError } from "../../protocol/session.ts";
import type { RunContext } from "../runners/runner.ts";
import type { EndCause } from "../sessions/endings.ts";
import type { HeldRun } from "../sessions/records.ts";
import type { Watchdog } from "./watchdog.ts";

/** One execution of a run's agent; all that the agent offers while it works is dropped with it. */
export interface Attempt {
  readonly number: number;
  /** Aborted when the runner has returned: what its agent asked, nobody asks any more. */
  readonly over: AbortSignal;
  /** Asks for permission on behalf of the agent. */
  ask?: RunContext["ask"];
  /** Gives the agent a message while it works, where its runner can; calls `read` when it was read. */
  takeMessage?: (text: string, read: () => void) => "injected" | "queued";
  /** Asks the agent to pause, where its runner can. */
  pauseAtTurn?: () => void;
}

export type RunState =
  /** The run holds a slot and reads its messages; no agent works. */
  | { at: "loading" }
  /** The agent works; the run can be cancelled. */
  | { at: "attempting"; attempt: Attempt }
  /** The agent ended by itself: a cancel comes too late. */
  | { at: "settling"; attempt: Attempt }
  /** An attempt failed, or could not begin: no slot, no watchdog. */
  | ({ at: "between"; error: RunError } & Between)
  /** The run emits nothing more. */
  | { at: "closed" };

type Between =
  /** The next attempt begins at `until`, in epoch milliseconds. */
  | { why: "backoff"; until: number }
  /** The parent of the session has the error; a message resumes the run. */
  | { why: "escalated"; resume: () => void };

export type RunEvent =
  | { type: "attempt"; attempt: Attempt }
  | { type: "settle" }
  | { type: "wait"; error: RunError; between: Between }
  | { type: "reload" }
  | { type: "close" };

/** The ways between the states. The chart in ARCHITECTURE.md is written from this table. */
export const runSteps = {
  attempt: { from: ["loading"], to: "attempting" },
  settle: { from: ["attempting"], to: "settling" },
  wait: { from: ["loading", "attempting", "settling"], to: "between" },
  reload: { from: ["between"], to: "loading" },
  close: { from: ["loading", "attempting", "settling", "between"], to: "closed" },
} as const satisfies Record<
  RunEvent["type"],
  { from: readonly RunState["at"][]; to: RunState["at"] }
>;

/** The state after the event. Throws where no way leads from the state. */
export function step(state: RunState, event: RunEvent): RunState {
  const { from, to } = runSteps[event.type];
  if (!(from as readonly string[]).includes(state.at)) {
    throw new Error(`a run that is ${state.at} cannot ${event.type}`);
  }
  switch (event.type) {
    case "attempt":
      return { at: "attempting", attempt: event.attempt };
    case "settle":
      return { at: "settling", attempt: (state as { attempt: Attempt }).attempt };
    case "wait":
      return { at: "between", error: event.error, ...event.between };
    case "reload":
    case "close":
      return { at: to as "loading" | "closed" };
  }
}

/** Why a run has to end, in the order in which the reasons came; the first one aborts the run. */
export class StopSignal {
  readonly #controller = new AbortController();
  readonly #causes: EndCause[] = [];

  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  get causes(): readonly EndCause[] {
    return this.#causes;
  }

  add(cause: EndCause): void {
    this.#causes.push(cause);
  }

  abort(): void {
    this.#controller.abort(this.#causes[0]);
  }
}

/** What a run was given to work on. */
export interface Inbox {
  /** Numbers of the last message that the run was given, and of the last that its agent has read. */
  givenUpTo: number;
  readUpTo: number;
  prompt: string;
  /** The messages since the pause that the run goes on from. */
  sincePause?: string;
}

/** What a run has used of its limits, and what it was warned of. */
export interface Meter {
  turns: number;
  /** The budget whose end was emitted last. */
  usedUp?: string;
  /** The run was warned that `maxCostUsd` cannot be enforced, because its cost is unknown. */
  isCostWarned?: true;
  /** The run has had its last turn: it may end by itself, and is ended when it begins another. */
  afterLastTurn?: EndCause;
}

export class Run {
  readonly sessionId: string;
  readonly runId: string;
  readonly rootId: string;
  readonly stop = new StopSignal();
  readonly inbox: Inbox = { givenUpTo: 0, readUpTo: 0, prompt: "" };
  readonly meter: Meter = { turns: 0 };
  /** Sessions that programs of the run wait for, per wait; while there is any, the run is suspended. */
  readonly waits = new Map<symbol, readonly string[]>();
  /** Approvals that its agent waits for. */
  readonly asking = new Set<string>();
  /** Prompts of sub-agents that a person has allowed when the agent itself asked. */
  readonly spawnsAllowed = new Set<string>();
  /** Whether the run shall pause at its next turn; withdrawn: and go on then. */
  pause: "no" | "wanted" | "withdrawn" = "no";
  /** What the run was paused with; gone when an attempt fails. */
  held: HeldRun | undefined;
  /** There from the moment when the start of the run is stored. */
  watchdog: Watchdog | undefined;
  /** Settles when clients were notified of its completion. */
  done: Promise<void> = Promise.resolve();
  #state: RunState = { at: "loading" };

  constructor({ sessionId, runId, rootId }: { sessionId: string; runId: string; rootId: string }) {
    this.sessionId = sessionId;
    this.runId = runId;
    this.rootId = rootId;
  }

  get state(): RunState {
    return this.#state;
  }

  /** The attempt whose agent may still say something. */
  get attempt(): Attempt | undefined {
    return "attempt" in this.#state ? this.#state.attempt : undefined;
  }

  get isClosed(): boolean {
    return this.#state.at === "closed";
  }

  move(event: RunEvent): void {
    this.#state = step(this.#state, event);
  }
}

/** Asks a run to end, for a reason. One that ended by itself keeps its end and is not restarted. */
export function endRun(run: Run, cause: EndCause): void {
  if (run.isClosed) return;
  run.stop.add(cause);
  if (run.state.at !== "settling") run.stop.abort();
}

/** Whether the agent of the run has not ended, and nobody asked the run to end. */
export function isGoingOn({ state, stop }: Run): boolean {
  return state.at !== "settling" && state.at !== "closed" && stop.causes.length === 0;
}

/** Whether somebody cancelled or deleted the run, perhaps too late to change its end. */
export function isUnwanted({ stop }: Run): boolean {
  return stop.causes.some(({ kind }) => kind === "cancelled" || kind === "deleted");
}
