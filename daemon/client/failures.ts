/** The exit codes of commands, and the errors that end a command. */
import { errors, type ErrorKind } from "../../protocol/errors.ts";
import type { SessionStatus } from "../../protocol/session.ts";

export const exitCodes = {
  ok: 0,
  failed: 1,
  usage: 2,
  cancelled: 3,
  timeout: 4,
  interrupted: 5,
  unreachable: 6,
  refused: 7,
  waitTimedOut: 124,
  detached: 130,
} as const;

/** For `offshoot --help` and the README: code and meaning. */
export const exitCodeTable: readonly (readonly [number, string])[] = [
  [exitCodes.ok, "success; a run that was followed or waited for has completed"],
  [exitCodes.failed, "the run ended in error, or an unforeseen error happened"],
  [exitCodes.usage, "wrong usage, or a session, agent or folder that does not exist"],
  [exitCodes.cancelled, "the run was cancelled"],
  [exitCodes.timeout, "the run ran out of time"],
  [exitCodes.interrupted, "the run was interrupted: its core or its agent's host ended"],
  [exitCodes.unreachable, "the core cannot be reached or started, or has another protocol version"],
  [
    exitCodes.refused,
    "refused because of a limit, a full queue, the session's state or missing trust",
  ],
  [exitCodes.waitTimedOut, "the time of `wait --timeout` is over, and some run has not ended"],
  [exitCodes.detached, "Ctrl-C; the run continues"],
];

/** Ends a command with one sentence for a person and an exit code for scripts. */
export class CommandFailure extends Error {
  readonly kind: string;
  readonly exitCode: number;
  /** The error code of the protocol, if the core answered with an error. */
  readonly code: number | undefined;

  constructor(kind: string, message: string, exitCode: number, code?: number) {
    super(message);
    this.name = "CommandFailure";
    this.kind = kind;
    this.exitCode = exitCode;
    this.code = code;
  }
}

export function usageFailure(message: string): CommandFailure {
  return new CommandFailure("usage", message, exitCodes.usage);
}

export function unreachableFailure(message: string): CommandFailure {
  return new CommandFailure("unreachable", message, exitCodes.unreachable);
}

/** The exit code for the status of a run. `skipped` is a success: there was nothing to do. */
export function exitCodeOfStatus(status: SessionStatus): number {
  return failedStatuses[status] ?? exitCodes.ok;
}

const failedStatuses: Partial<Record<SessionStatus, number>> = {
  error: exitCodes.failed,
  cancelled: exitCodes.cancelled,
  timeout: exitCodes.timeout,
  interrupted: exitCodes.interrupted,
};

const exitCodeOfKind: Record<ErrorKind, number> = {
  sessionNotFound: exitCodes.usage,
  agentNotFound: exitCodes.usage,
  approvalNotFound: exitCodes.usage,
  ruleNotFound: exitCodes.usage,
  cwdNotFound: exitCodes.usage,
  notAChild: exitCodes.usage,
  invalidState: exitCodes.refused,
  limitExceeded: exitCodes.refused,
  notTrusted: exitCodes.refused,
  storeUnavailable: exitCodes.refused,
  overloaded: exitCodes.refused,
  approvalAlreadyResolved: exitCodes.refused,
  shuttingDown: exitCodes.refused,
  versionMismatch: exitCodes.unreachable,
};

/** The failure of a command that the core answered with an error. */
export function failureOfAnswer(code: number, message: string, data: unknown): CommandFailure {
  const known = (Object.keys(errors) as ErrorKind[]).find((kind) => errors[kind].code === code);
  if (known !== undefined) {
    return new CommandFailure(known, message, exitCodeOfKind[known], code);
  }
  const wrongParams = code === -32602;
  const kind = wrongParams ? "invalidParams" : kindIn(data);
  return new CommandFailure(kind, message, wrongParams ? exitCodes.usage : exitCodes.failed, code);
}

function kindIn(data: unknown): string {
  const kind = (data as { kind?: unknown } | null | undefined)?.kind;
  return typeof kind === "string" ? kind : "internal";
}
