/** The errors of a prompt as errors of the protocol. */
import { messageOf } from "../base/errors.ts";
import { RequestError } from "@agentclientprotocol/sdk";
import { TypedError } from "./contract/runErrors.ts";

/** -32000 is "authentication required" in ACP; everything else is an internal error with data. */
export function toRequestError(error: unknown, more: object): RequestError {
  if (error instanceof RequestError) return error;
  const typed = error instanceof TypedError ? error : new TypedError("internal", messageOf(error));
  const { message, ...data } = typed.runError;
  return new RequestError(data.code === "auth" ? -32_000 : -32_603, message, { ...data, ...more });
}

export function invalidParams(sentence: string): RequestError {
  return RequestError.invalidParams({ code: "invalid_request", retryable: false }, sentence);
}
