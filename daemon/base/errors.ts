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

/** The code for an HTTP status of a model's provider. */
export function codeOfStatus(status: number | undefined): RunErrorCode | undefined {
  if (status === undefined || status < 400) return undefined;
  if (status === 401 || status === 403) return "auth";
  if (status === 402) return "quota";
  if (status === 408) return "network";
  if (status === 429) return "throttled";
  if (status === 503 || status === 529) return "overloaded";
  return status === 409 || status >= 500 ? "server_error" : "invalid_request";
}

/** The message of whatever was thrown. */
export function messageOf(thrown: unknown): string {
  return thrown instanceof Error ? thrown.message : String(thrown);
}
