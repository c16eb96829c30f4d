/** Types the errors of providers: by HTTP status, by the provider's codes, by the socket's. */
import { codeOfStatus, messageOf } from "../../base/errors.ts";
import type { RunErrorCode } from "../../../protocol/session.ts";
import { TypedError } from "../contract/runErrors.ts";

/**
 * Types any error of a call. Long texts are cut, because some providers answer with whole pages.
 */
export function typeError(error: unknown, now: number): TypedError {
  if (error instanceof TypedError) return error;
  // The SDK wraps errors of its own tries and of parsing; the cause says more.
  for (const candidate of chainOf(error)) {
    const code = codeOf(candidate);
    if (code !== undefined) {
      return new TypedError(code, describe(candidate), retryAfterOf(candidate, now));
    }
  }
  return new TypedError("internal", describe(error));
}

const longestMessage = 2_000;

/** The names that providers give errors, in the body of an answer or in an event of a stream. */
const providerCodes: Record<string, RunErrorCode> = {
  insufficient_quota: "quota",
  billing_error: "quota",
  credit_balance_too_low: "quota",
  authentication_error: "auth",
  permission_error: "auth",
  invalid_api_key: "auth",
  rate_limit_error: "throttled",
  rate_limit_exceeded: "throttled",
  RESOURCE_EXHAUSTED: "throttled",
  overloaded_error: "overloaded",
  UNAVAILABLE: "overloaded",
  api_error: "server_error",
  server_error: "server_error",
  INTERNAL: "server_error",
  timeout_error: "network",
  invalid_request_error: "invalid_request",
  context_length_exceeded: "invalid_request",
  not_found_error: "invalid_request",
  model_not_found: "invalid_request",
};

/** Errors of the SDK that have neither a status nor a socket's error. */
const sdkErrors: Record<string, RunErrorCode> = {
  AI_LoadAPIKeyError: "auth",
  AI_NoSuchModelError: "invalid_request",
  AI_InvalidPromptError: "invalid_request",
  AI_UnsupportedFunctionalityError: "invalid_request",
  // The stream ended too early.
  AI_InvalidResponseDataError: "network",
  AI_NoContentGeneratedError: "network",
  AI_EmptyResponseBodyError: "server_error",
  AI_JSONParseError: "server_error",
  AI_TypeValidationError: "server_error",
};

const socketCodes = new Set([
  "ECONNRESET",
  "ECONNREFUSED",
  "ECONNABORTED",
  "EPIPE",
  "ENOTFOUND",
  "EAI_AGAIN",
  "ETIMEDOUT",
  "EHOSTUNREACH",
  "ENETUNREACH",
  "UND_ERR_SOCKET",
  "UND_ERR_CONNECT_TIMEOUT",
  "UND_ERR_HEADERS_TIMEOUT",
  "UND_ERR_BODY_TIMEOUT",
  "ERR_STREAM_PREMATURE_CLOSE",
]);

interface ErrorFacts {
  name?: unknown;
  statusCode?: unknown;
  code?: unknown;
  type?: unknown;
  status?: unknown;
  data?: unknown;
  error?: unknown;
  cause?: unknown;
  lastError?: unknown;
  responseHeaders?: Record<string, string>;
  message?: unknown;
}

/** The error, then the errors that it wraps, nearest first. */
function chainOf(error: unknown): unknown[] {
  const chain: unknown[] = [];
  for (let next = error; next !== undefined && next !== null && chain.length < 8;) {
    chain.push(next);
    const facts = factsOf(next);
    next = facts.lastError ?? facts.cause ?? facts.error;
  }
  return chain;
}

function codeOf(error: unknown): RunErrorCode | undefined {
  const facts = factsOf(error);
  const data = factsOf(facts.data);
  for (const place of [facts, factsOf(data.error), data]) {
    for (const word of [place.code, place.type, place.status]) {
      if (typeof word !== "string") continue;
      if (socketCodes.has(word)) return "network";
      const known = providerCodes[word];
      // "invalid_request_error" is the type of nearly everything that OpenAI refuses.
      if (known !== undefined && known !== "invalid_request") return known;
    }
  }
  const { statusCode } = facts;
  // A stream that breaks off has the status 200 that it began with, and the socket's error as its
  // cause.
  if (typeof statusCode === "number" && statusCode >= 400) return codeOfStatus(statusCode);
  if (typeof facts.name === "string" && Object.hasOwn(sdkErrors, facts.name)) {
    return sdkErrors[facts.name];
  }
  // The provider was called, and the error has neither a status nor a cause.
  if (facts.name === "AI_APICallError" && facts.cause === undefined) return "network";
  // What undici throws when the other side closes in the middle of a body.
  if (error instanceof TypeError && error.message === "terminated") return "network";
  return typeof facts.type === "string" ? providerCodes[facts.type] : undefined;
}

function retryAfterOf(error: unknown, now: number): number | undefined {
  const headers = factsOf(error).responseHeaders ?? {};
  const ms = Number(headers["retry-after-ms"] ?? Number.NaN);
  if (Number.isFinite(ms)) return ms;
  const after = headers["retry-after"];
  if (after === undefined) return undefined;
  const seconds = Number(after);
  if (Number.isFinite(seconds)) return seconds * 1_000;
  const date = Date.parse(after);
  return Number.isNaN(date) ? undefined : Math.max(0, date - now);
}

function describe(error: unknown): string {
  const facts = factsOf(error);
  const message = typeof facts.message === "string" ? facts.message : messageOf(error);
  const status = typeof facts.statusCode === "number" ? ` (status ${facts.statusCode})` : "";
  return `The model's provider: ${message.slice(0, longestMessage)}${status}`;
}

function factsOf(value: unknown): ErrorFacts {
  return typeof value === "object" && value !== null ? value : {};
}
