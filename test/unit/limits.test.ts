import { deepEqual, equal, throws } from "node:assert/strict";
import { addUsage, cutToParent, exceededBudget, stricter } from "../../daemon/sessions/limits.ts";
import { settingsOf } from "../../daemon/config/settings.ts";
import { noUsage, type Limits, type Usage } from "../../protocol/session.ts";
import { sessionIn } from "./sessionIn.ts";

const used: Usage = {
  inputTokens: 60,
  outputTokens: 15,
  cachedInputTokens: 5,
  costUsd: 1.5,
  turns: 3,
  toolCalls: 8,
};

function parent(limits: Limits) {
  return sessionIn("running", { limits, treeUsage: used });
}

describe("limits", () => {
  it("have the defaults of the house", () => {
    deepEqual(settingsOf({}), {
      concurrency: { total: 6, perRoot: 4 },
      queue: { perRoot: 1024, total: 100_000 },
      maxDepth: 4,
      maxChildren: 50,
      maxTurns: 200,
      heartbeatMs: 5_000,
      stalledMs: 300_000,
      watchdog: { checkMs: 15_000, totalMs: 3_600_000, idleMs: 900_000 },
      grace: { termAfterMs: 2_000, killAfterMs: 5_000 },
      approvalTimeoutMs: 300_000,
      idleExitMs: 600_000,
      restarts: { max: 3, backoffMs: 1_000, stableMs: 300_000, maxWaitMs: 3_600_000 },
      longestWaitMs: 21_600_000,
    });
  });

  it("are the stricter of each pair, and unbounded where nobody says anything", () => {
    deepEqual(stricter({ maxTurns: 5, timeoutMs: 100 }, undefined, { maxTurns: 9, maxTokens: 7 }), {
      maxTurns: 5,
      timeoutMs: 100,
      maxTokens: 7,
    });
    deepEqual(stricter(undefined, {}), {});
    deepEqual(stricter({ maxChildren: 0 }, { maxChildren: 3 }), { maxChildren: 0 });
  });

  it("of a child are cut to what its parent has left", () => {
    const limits = { maxTurns: 10, maxTokens: 100, maxCostUsd: 2, maxToolCalls: 9 };
    deepEqual(cutToParent({}, parent(limits)), {
      maxTurns: 7,
      maxTokens: 25,
      maxCostUsd: 0.5,
      maxToolCalls: 1,
    });
    deepEqual(cutToParent({ maxTurns: 100, maxTokens: 1 }, parent(limits)), {
      maxTurns: 7,
      maxTokens: 1,
      maxCostUsd: 0.5,
      maxToolCalls: 1,
    });
  });

  it("of a child are never wider than its parent's in time, children and depth", () => {
    const limits = { timeoutMs: 1000, idleTimeoutMs: 500, maxChildren: 3, maxDepth: 2 };
    deepEqual(cutToParent({}, parent(limits)), limits);
    deepEqual(
      cutToParent(
        { timeoutMs: 5000, idleTimeoutMs: 5000, maxChildren: 50, maxDepth: 9 },
        parent(limits),
      ),
      limits,
    );
    const narrower = { timeoutMs: 10, idleTimeoutMs: 5, maxChildren: 1, maxDepth: 1 };
    deepEqual(cutToParent(narrower, parent(limits)), narrower);
  });

  it("refuse a child of a parent whose budget is used up", () => {
    throws(() => cutToParent({}, parent({ maxTokens: 75 })), {
      code: 1004,
      data: { kind: "limitExceeded", limit: "maxTokens", max: 75, current: 75 },
    });
    throws(() => cutToParent({}, parent({ maxTurns: 0 })), {
      data: { kind: "limitExceeded", limit: "maxTurns", max: 0, current: 3 },
    });
  });

  it("are exceeded when they are used up, and not by a session that used nothing", () => {
    equal(exceededBudget({ maxTokens: 76 }, used), undefined);
    deepEqual(exceededBudget({ maxTokens: 75 }, used), { limit: "maxTokens", used: 75, max: 75 });
    deepEqual(exceededBudget({ maxCostUsd: 1 }, used), { limit: "maxCostUsd", used: 1.5, max: 1 });
    deepEqual(exceededBudget({ maxToolCalls: 2, maxTurns: 3 }, used), {
      limit: "maxTurns",
      used: 3,
      max: 3,
    });
    equal(exceededBudget({ maxTurns: 0 }, noUsage), undefined);
  });

  it("count every kind of use", () => {
    deepEqual(addUsage(used, { ...used, costUsd: 0.5 }), {
      inputTokens: 120,
      outputTokens: 30,
      cachedInputTokens: 10,
      costUsd: 2,
      turns: 6,
      toolCalls: 16,
    });
  });
});
