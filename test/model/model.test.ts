/**
 * Random scripts against the real scheduler and the real store, on a simulated clock. A script that
 * fails is shrunk and printed: it goes to regressions.test.ts. `OFFSHOOT_TEST_MODEL_RUNS` says how many
 * scripts there are, `OFFSHOOT_TEST_MODEL_SEED` which ones.
 */
import * as fc from "fast-check";
import { checkLeaks } from "../support/leaks.ts";
import { runScript } from "./script.ts";
import { scripts } from "./steps.ts";

const seed = Number(process.env["OFFSHOOT_TEST_MODEL_SEED"] ?? 1);
const numRuns = Number(process.env["OFFSHOOT_TEST_MODEL_RUNS"] ?? 100);

describe("random scripts", () => {
  checkLeaks();

  it(`keep what behaviour.md says (seed ${seed}, ${numRuns} scripts)`, async function () {
    this.timeout(0);
    await fc.assert(fc.asyncProperty(scripts, runScript), {
      seed,
      numRuns,
      reporter(details) {
        if (!details.failed) return;
        const script = details.counterexample?.[0].map((step) => `  ${JSON.stringify(step)},`);
        throw new Error(
          `seed ${details.seed}, path ${details.counterexamplePath}, script ` +
            `${details.numRuns}: [\n${script?.join("\n")}\n]\n${String(details.errorInstance)}`,
        );
      },
    });
  });
});
