/** The errors of a prompt, typed as the core knows them, and as they go over the wire. */
import { RequestError } from "@agentclientprotocol/sdk";
import { retryableCodes } from "../../protocol/session.ts";
import type { RunErrorCode } from "../../protocol/session.ts";

/** An error with a type. The message is for people; nobody decides by it. */
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
}

/** -32000 is "authentication required" in ACP; everything else is an internal error with data. */
export function toRequestError(error: unknown, more: object): RequestError {
  if (error instanceof RequestError) return error;
  const typed = error instanceof TypedError ? error : new TypedError("internal", messageOf(error));
  return new RequestError(typed.code === "auth" ? -32_000 : -32_603, typed.message, {
    code: typed.code,
    retryable: typed.retryable,
    ...(typed.retryAfterMs === undefined ? {} : { retryAfterMs: typed.retryAfterMs }),
    ...more,
  });
}

export function invalidParams(sentence: string): RequestError {
  return RequestError.invalidParams({ code: "invalid_request", retryable: false }, sentence);
}

export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
