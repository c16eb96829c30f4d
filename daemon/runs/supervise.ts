/** What to do when an attempt of a run fails: restart it, stop, or hand the error to the parent. */
import type { RestartPolicy } from "../../protocol/config.ts";
import type { RunError } from "../../protocol/session.ts";
import type { Settings } from "../config/settings.ts";

export type Decision = { type: "restart"; inMs: number } | { type: "stop" } | { type: "escalate" };

/**
 * The default policy restarts what is retryable and stops on everything else. `restarts` is how
 * many were used up; it starts again only after five minutes of stable running (OTP's intensity),
 * never because an agent said that it was ready. The wait is doubled each time, with up to a fifth
 * of jitter, and is at least what the provider asked for. `random` answers from 0 to 1.
 */
export function decide(
  error: RunError,
  restarts: number,
  policy: RestartPolicy | undefined,
  defaults: Settings["restarts"],
  random: () => number,
): Decision {
  const stop: Decision = policy?.policy === "escalate" ? { type: "escalate" } : { type: "stop" };
  if (policy?.policy === "never") return { type: "stop" };
  if (!error.retryable || restarts >= (policy?.max ?? defaults.max)) return stop;
  const wait = (policy?.backoffMs ?? defaults.backoffMs) * 2 ** restarts;
  const jittered = Math.round(wait * (1 + random() / 5));
  return { type: "restart", inMs: Math.max(jittered, error.retryAfterMs ?? 0) };
}
