/**
 * How runs end, in the exact words that clients rely on. Causes are typed; no status is ever found
 * by searching a text. When several causes meet, a natural end that came first wins, then a
 * time-out, then the first cause.
 */
import { messageOf, runError } from "../base/errors.ts";
import type { RunError, RunErrorCode, TerminalStatus } from "../../protocol/session.ts";

/** How one attempt of a run ended. `result` is the last text of the agent. */
export type RunOutcome =
  | { status: "completed"; result: string }
  | { status: "error"; error: RunError; result?: string }
  /** The signal was aborted and the runner has ended everything; the signal holds the reason. */
  | { status: "aborted"; result?: string };

export interface Ending {
  status: TerminalStatus;
  result?: string;
  error?: RunError;
  reason?: string;
}

/** Why a run that has not ended by itself has to end. */
export type EndCause =
  | { kind: "cancelled"; by: "parent" | "user"; reason?: string }
  | { kind: "replaced" }
  | { kind: "deleted" }
  | { kind: "totalTimeout"; afterMs: number; maxMs: number }
  | { kind: "idleTimeout"; afterMs: number; maxMs: number }
  | { kind: "budget"; code: "budget_exceeded" | "max_turns"; message: string }
  | { kind: "shutdown" };

export const beforeStart = {
  notFound: (): Ending => failure("invalid_request", "child session not found"),
  unreadable: (cause: unknown): Ending =>
    failure("internal", `failed to load child session: ${messageOf(cause)}`),
  isRoot: (): Ending => failure("invalid_request", "spawn job child session is not kind=child"),
  nothingToDo: (): Ending => ({
    status: "skipped",
    error: runError("invalid_request", "No pending message to execute"),
  }),
  cancelled: (reason?: string): Ending => ({
    status: "cancelled",
    error: runError("aborted", "Cancelled before start"),
    ...(reason !== undefined && { reason }),
  }),
};

/** The ending of a live run whose core has stopped or died, or whose runner is gone. */
export function interrupted(reason: "host_restart" | "host_shutdown" | "runner_lost"): Ending {
  const words = {
    host_restart: "Interrupted: the core ended while this ran",
    host_shutdown: "Interrupted: the core was stopped while this ran",
    runner_lost: "Interrupted: what ran this is gone",
  };
  return { status: "interrupted", error: runError("aborted", words[reason]), reason };
}

/** The ending for an outcome; `causes` are in the order in which they came. */
export function endingOf(outcome: RunOutcome, causes: readonly EndCause[]): Ending {
  const result = outcome.result !== undefined && { result: outcome.result };
  if (outcome.status === "completed") return { status: "completed", result: outcome.result };
  if (outcome.status === "error") return { status: "error", error: outcome.error, ...result };
  const timeout = causes.find(({ kind }) => kind === "totalTimeout" || kind === "idleTimeout");
  const cause = timeout ?? causes[0];
  if (cause === undefined) {
    return { ...failure("internal", "the runner stopped without being asked to"), ...result };
  }
  return { ...endingForCause(cause), ...result };
}

function endingForCause(cause: EndCause): Ending {
  switch (cause.kind) {
    case "cancelled":
      return {
        status: "cancelled",
        error: runError("aborted", `Cancelled by ${cause.by}`),
        ...(cause.reason !== undefined && { reason: cause.reason }),
      };
    case "replaced":
      return {
        status: "cancelled",
        error: runError("aborted", "Cancelled by user"),
        reason: "interrupted by a message",
      };
    case "deleted":
      return {
        status: "cancelled",
        error: runError("aborted", "Child session deleted while running"),
        reason: "deleted",
      };
    case "totalTimeout": {
      const after = Math.floor(cause.afterMs / 1000);
      const bound = `max_total_secs=${cause.maxMs / 1000}`;
      return timedOut(`Child session timed out after ${after} seconds (${bound})`);
    }
    case "idleTimeout": {
      const after = Math.floor(cause.afterMs / 1000);
      const bound = `max_idle_secs=${cause.maxMs / 1000}`;
      return timedOut(
        `Child session idle timeout after ${after} seconds without events (${bound})`,
      );
    }
    case "budget":
      return failure(cause.code, cause.message);
    case "shutdown":
      return interrupted("host_shutdown");
  }
}

function timedOut(message: string): Ending {
  return { status: "timeout", error: runError("aborted", message) };
}

function failure(code: RunErrorCode, message: string): Ending {
  return { status: "error", error: runError(code, message) };
}
