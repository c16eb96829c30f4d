/** Parts of a core whose runs come to outcomes that the test has named before. */
import type { RunContext } from "../../daemon/runners/runner.ts";
import type { RunOutcome } from "../../daemon/sessions/endings.ts";
import { openParts, type TestParts, type TestPartsOptions } from "./inProcess.ts";
import { runError } from "../../daemon/base/errors.ts";

/** A retryable error. */
export const network = runError("network", "the line is down");
export const fails = (error = network): RunOutcome => ({
  status: "error",
  error,
  result: "so far",
});
export const done = (result = "done"): RunOutcome => ({ status: "completed", result });

export interface Supervised {
  parts: TestParts;
  /** Of every attempt so far. */
  contexts: RunContext[];
}

/** The outcomes are those of the attempts, in their order; the last one is that of all others. */
export async function supervised(
  outcomes: (RunOutcome | ((context: RunContext) => Promise<RunOutcome>))[],
  options: Partial<TestPartsOptions> = {},
): Promise<Supervised> {
  const contexts: RunContext[] = [];
  const parts = await openParts({
    async run(context) {
      contexts.push(context);
      const outcome = outcomes[contexts.length - 1] ?? outcomes.at(-1) ?? done();
      return typeof outcome === "function" ? await outcome(context) : outcome;
    },
    random: () => 0,
    profile: { restart: { policy: "default", backoffMs: 1 } },
    ...options,
  });
  return { parts, contexts };
}
