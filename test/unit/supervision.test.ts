import { deepEqual } from "node:assert/strict";
import { settingsOf } from "../../daemon/config/settings.ts";
import { decide, type Decision } from "../../daemon/runs/supervise.ts";
import type { RestartPolicy } from "../../protocol/config.ts";
import { finalCodes, retryableCodes } from "../../protocol/session.ts";
import { runError } from "../../daemon/base/errors.ts";

const { restarts: defaults } = settingsOf({});
const network = runError("network", "the line is down");

function decisions(policy: RestartPolicy | undefined, random = 0): Decision[] {
  return [0, 1, 2, 3, 4].map((used) => decide(network, used, policy, defaults, () => random));
}

const restartIn = (inMs: number): Decision => ({ type: "restart", inMs });
const stop: Decision = { type: "stop" };

describe("the restart policy", () => {
  it("restarts three times, after 1, 2 and 4 seconds, and then stops", () => {
    deepEqual(decisions(undefined), [
      restartIn(1000),
      restartIn(2000),
      restartIn(4000),
      stop,
      stop,
    ]);
  });

  it("adds up to a fifth of jitter", () => {
    deepEqual(decisions(undefined, 1).slice(0, 3), [
      restartIn(1200),
      restartIn(2400),
      restartIn(4800),
    ]);
    deepEqual(decisions(undefined, 0.5)[0], restartIn(1100));
  });

  it("restarts every retryable error and no other", () => {
    const outcome = (code: (typeof retryableCodes | typeof finalCodes)[number]) =>
      decide(runError(code, ""), 0, undefined, defaults, () => 0).type;
    deepEqual(new Set(retryableCodes.map(outcome)), new Set(["restart"]));
    deepEqual(new Set(finalCodes.map(outcome)), new Set(["stop"]));
  });

  it("waits at least as long as the provider asks for", () => {
    const asked = { ...network, retryAfterMs: 30_000 };
    deepEqual(
      decide(asked, 0, undefined, defaults, () => 0),
      restartIn(30_000),
    );
    deepEqual(
      decide({ ...network, retryAfterMs: 10 }, 0, undefined, defaults, () => 0),
      restartIn(1000),
    );
  });

  it("can be set in number and wait, per agent", () => {
    deepEqual(decisions({ max: 1, backoffMs: 10 }).slice(0, 2), [restartIn(10), stop]);
    deepEqual(decisions({ policy: "never" })[0], stop);
    deepEqual(decisions({ max: 0 })[0], stop);
  });

  it("escalates what it does not restart", () => {
    deepEqual(decisions({ policy: "escalate", max: 1 }).slice(0, 2), [
      restartIn(1000),
      { type: "escalate" },
    ]);
    const final = runError("exit_nonzero", "exited with code 1");
    deepEqual(
      decide(final, 0, { policy: "escalate" }, defaults, () => 0),
      { type: "escalate" },
    );
  });
});
