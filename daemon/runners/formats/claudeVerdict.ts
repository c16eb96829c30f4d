/** Types the failures that Claude Code reports. */
import type { RunError, RunErrorCode } from "../../../protocol/session.ts";
import type { RunOutcome } from "../../sessions/endings.ts";
import { errorOfText } from "./agentErrors.ts";
import { numberIn, objectIn, textIn, type Json } from "./json.ts";
import { kept } from "./reading.ts";
import { codeOfStatus, runError } from "../../base/errors.ts";

/** What lines before the result line said of a failure. */
export interface ClaudeTrouble {
  /** The `error` of the last assistant line that had one. */
  apiError?: string | undefined;
  isOverQuota?: boolean;
}

/** By `SDKAssistantMessageError` of the SDK's types; `unknown` is decided by the other facts. */
const apiErrors: Readonly<Record<string, RunErrorCode>> = {
  authentication_failed: "auth",
  oauth_org_not_allowed: "auth",
  account_on_hold: "auth",
  verification_required: "auth",
  cloud_credential_error: "auth",
  billing_error: "quota",
  rate_limit: "throttled",
  overloaded: "overloaded",
  invalid_request: "invalid_request",
  model_not_found: "invalid_request",
  max_output_tokens: "invalid_request",
  server_error: "server_error",
};

const subtypes: Readonly<Record<string, RunErrorCode>> = {
  error_max_turns: "max_turns",
  error_max_budget_usd: "budget_exceeded",
};

export const claudeVerdict = {
  /** The outcome by the result line: `is_error` may be set although the subtype is `success`. */
  ofResult(result: Json, trouble: ClaudeTrouble, lastText: string): RunOutcome {
    const text = textIn(result, "result") ?? lastText;
    const subtype = textIn(result, "subtype") ?? "";
    if (result["stop_reason"] === "refusal") {
      const error = runError("refused", "The model refused to go on.");
      return { status: "error", error, ...kept(text) };
    }
    if (result["is_error"] !== true && !subtype.startsWith("error")) {
      return { status: "completed", result: text };
    }
    return { status: "error", error: errorOf(result, subtype, trouble), ...kept(text) };
  },

  /** The error of a retry inside the program. */
  ofRetry(retry: Json): RunError {
    const status = numberIn(retry, "error_status");
    const name = textIn(retry, "error") ?? "unknown";
    const code = codeOfStatus(status) ?? apiErrors[name] ?? "network";
    return runError(code, status === undefined ? name : `${name} (${status})`);
  },
};

function errorOf(result: Json, subtype: string, trouble: ClaudeTrouble): RunError {
  const errors = result["errors"];
  const listed = Array.isArray(errors) ? errors.filter((text) => typeof text === "string") : [];
  const message =
    textIn(result, "result") ??
    textIn(objectIn(result, "error"), "message") ??
    (listed.join("; ") || `The agent ended with ${subtype || "an error"}.`);
  const known = subtypes[subtype];
  if (known) return runError(known, message);
  if (textIn(result, "startup_failure_reason")) return runError("invalid_request", message);
  const told =
    apiErrors[trouble.apiError ?? ""] ?? codeOfStatus(numberIn(result, "api_error_status"));
  if (told === "throttled" && trouble.isOverQuota === true) return runError("quota", message);
  return told ? runError(told, message) : errorOfText(message);
}
