import { deepEqual, equal, throws } from "node:assert/strict";
import { endRun, isGoingOn, Run, runSteps, step } from "../../daemon/runs/run.ts";
import type { RunEvent, RunState } from "../../daemon/runs/run.ts";
import { runError } from "../../daemon/base/errors.ts";

const attempt = { number: 1, over: new AbortController().signal };
const error = runError("network", "no line");
const states: Record<RunState["at"], RunState> = {
  loading: { at: "loading" },
  attempting: { at: "attempting", attempt },
  settling: { at: "settling", attempt },
  between: { at: "between", error, why: "backoff", until: 1 },
  closed: { at: "closed" },
};
const events: Record<RunEvent["type"], RunEvent> = {
  attempt: { type: "attempt", attempt },
  settle: { type: "settle" },
  wait: { type: "wait", error, between: { why: "backoff", until: 1 } },
  reload: { type: "reload" },
  close: { type: "close" },
};

describe("the states of a run", () => {
  it("follow the table, and no other way leads anywhere", () => {
    for (const state of Object.values(states)) {
      for (const event of Object.values(events)) {
        const { from, to } = runSteps[event.type];
        if ((from as readonly string[]).includes(state.at)) equal(step(state, event).at, to);
        else throws(() => step(state, event), { message: /^a run that is / });
      }
    }
  });

  it("are all reached from the first one, and lead to the last one", () => {
    const reached = new Set(["loading"]);
    for (let size = 0; size < reached.size;) {
      size = reached.size;
      for (const { from, to } of Object.values(runSteps)) {
        if (from.some((at) => reached.has(at))) reached.add(to);
      }
    }
    deepEqual([...reached].sort(), Object.keys(states).sort());
    const open = Object.keys(states).filter((at) => at !== "closed");
    deepEqual([...runSteps.close.from].sort(), open.sort());
  });
});

describe("a reason to end", () => {
  const runIn = (at: RunState["at"]) => {
    const run = new Run({ sessionId: "s", runId: "r", rootId: "t" });
    if (at === "attempting" || at === "settling") run.move(events.attempt);
    if (at === "settling") run.move(events.settle);
    if (at === "between") run.move(events.wait);
    if (at === "closed") run.move(events.close);
    return run;
  };

  it("aborts a run that goes on, counts for one that has ended, and is nothing to a closed one", () => {
    const told = Object.keys(states).map((at) => {
      const run = runIn(at as RunState["at"]);
      const goesOn = isGoingOn(run);
      endRun(run, { kind: "deleted" });
      return [at, goesOn, run.stop.signal.aborted, run.stop.causes.length, isGoingOn(run)];
    });
    deepEqual(told, [
      ["loading", true, true, 1, false],
      ["attempting", true, true, 1, false],
      ["settling", false, false, 1, false],
      ["between", true, true, 1, false],
      ["closed", false, false, 0, false],
    ]);
  });
});
