/** Types the errors that agents report. */
import type { RunError, RunErrorCode } from "../../../protocol/session.ts";
import { codeOfStatus, runError } from "../../base/errors.ts";

/** The order counts: a used-up quota often has the status 429, too. */
const sentences: readonly [RegExp, RunErrorCode][] = [
  [/usage.?limit|quota|credit balance|out of credits|billing/i, "quota"],
  [
    /too long|context (window|length)|invalid.?request|model\b.*not (found|supported)/i,
    "invalid_request",
  ],
  [/rate.?limit|too many requests|resource.?exhausted/i, "throttled"],
  [/overloaded|at capacity|high demand|unavailable/i, "overloaded"],
  [/unauthorized|unauthenticated|authentication|api key|not logged in|\/login/i, "auth"],
  [
    /stream disconnected|connection (failed|error|refused|reset)|econn|enotfound|etimedout|fetch failed|socket hang up|timed out/i,
    "network",
  ],
];

const statusInText = /(?:^|\b(?:status|error|code)\W{0,12}(?:code\W{0,3})?)([45]\d\d)\b/i;

/**
 * Types the error of an agent that reports only a sentence (codex, pi, gemini): by the HTTP status
 * in the sentence, then by words. A sentence without either is `internal`, which is not retried.
 */
export function errorOfText(message: string): RunError {
  const status = Number(statusInText.exec(message)?.[1] ?? "0");
  const known = sentences.find(([words]) => words.test(message))?.[1];
  const code = known === "quota" ? known : (codeOfStatus(status) ?? known ?? "internal");
  return runError(code, message);
}
