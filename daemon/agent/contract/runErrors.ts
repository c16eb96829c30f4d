/** The errors of a prompt, with the codes of the core. Imports no SDK. */
import { retryableCodes } from "../../../protocol/session.ts";
import type { RunError, RunErrorCode } from "../../../protocol/session.ts";

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

  get retryable(): boolean {
    return (retryableCodes as readonly RunErrorCode[]).includes(this.code);
  }

  /** The fields of the core's `RunError` without the message. */
  get facts(): Omit<RunError, "message"> {
    const { code, retryable, retryAfterMs } = this;
    return { code, retryable, ...(retryAfterMs === undefined ? {} : { retryAfterMs }) };
  }
}
