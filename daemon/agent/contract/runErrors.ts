/** The errors of a prompt, with the codes of the core. Imports no SDK. */
import type { RunError, RunErrorCode } from "../../../protocol/session.ts";
import { runError } from "../../base/errors.ts";

/** An error with a code. The message is for people; no code decides by it. */
export class TypedError extends Error {
  readonly code: RunErrorCode;
  readonly retryAfterMs: number | undefined;

  constructor(code: RunErrorCode, message: string, retryAfterMs?: number) {
    super(message);
    this.name = "TypedError";
    this.code = code;
    this.retryAfterMs = retryAfterMs;
  }

  get runError(): RunError {
    const { code, message, retryAfterMs } = this;
    return runError(code, message, retryAfterMs === undefined ? {} : { retryAfterMs });
  }
}
