/** Errors of runs, and the messages of errors. */
import { retryableCodes, type RunError, type RunErrorCode } from "../../protocol/session.ts";

export function runError(
  code: RunErrorCode,
  message: string,
  more: Pick<RunError, "retryAfterMs" | "exitCode" | "signal"> = {},
): RunError {
  const retryable = (retryableCodes as readonly string[]).includes(code);
  return { code, message, retryable, ...more };
}

/** The message of whatever was thrown. */
export function messageOf(thrown: unknown): string {
  return thrown instanceof Error ? thrown.message : String(thrown);
}
