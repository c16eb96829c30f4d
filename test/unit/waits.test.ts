import { deepEqual, equal } from "node:assert/strict";
import { systemClock } from "../../daemon/base/clock.ts";
import { WaitRequests, type WaitState } from "../../daemon/runs/waitRequest.ts";
import { noUsage, type TerminalStatus } from "../../protocol/session.ts";
import type { ParamsOf } from "../../protocol/messages.ts";
import { runError } from "../../daemon/base/errors.ts";

const hour = 3_600_000;
const never = new AbortController().signal;

function ended(id: string, status: TerminalStatus = "completed"): WaitState {
  return {
    completion: {
      parentSessionId: "root",
      childSessionId: id,
      runId: `run of ${id}`,
      attempt: 1,
      completionSeq: 1,
      status,
      usage: noUsage,
      stored: true,
    },
  };
}

/** Waits over sessions whose states the test sets. */
function waiting() {
  const states = new Map<string, WaitState>();
  const waits = new WaitRequests((id) => states.get(id) ?? {}, systemClock);
  return {
    set(id: string, state: WaitState) {
      states.set(id, state);
      waits.changed(id);
    },
    wait: async (params: ParamsOf<"session/wait">, signal = never, longestMs = hour) => {
      const { completions, ...rest } = await waits.wait(params, longestMs, signal);
      return { ended: completions.map(({ childSessionId }) => childSessionId), ...rest };
    },
  };
}

const failed = runError("network", "no line");

describe("a wait", () => {
  it("for all is over when the last one has ended, however it ended", async () => {
    const { set, wait } = waiting();
    const answer = wait({ sessionIds: ["a", "b", "c"] });
    set("b", ended("b", "error"));
    set("a", ended("a"));
    set("c", ended("c", "cancelled"));
    deepEqual(await answer, { ended: ["a", "b", "c"], pending: [], timedOut: false });
  });

  it("for any is over with the first", async () => {
    const { set, wait } = waiting();
    const answer = wait({ sessionIds: ["a", "b"], until: "any" });
    set("b", ended("b"));
    deepEqual(await answer, { ended: ["b"], pending: ["a"], timedOut: false });
  });

  it("for the first error is over with it, or when all ended well", async () => {
    const { set, wait } = waiting();
    const answers = [
      wait({ sessionIds: ["a", "b", "c"], until: "firstError" }),
      wait({ sessionIds: ["a", "d"], until: "firstError" }),
    ];
    set("a", ended("a"));
    set("b", ended("b", "timeout"));
    set("d", ended("d"));
    deepEqual(await Promise.all(answers), [
      { ended: ["a", "b"], pending: ["c"], timedOut: false },
      { ended: ["a", "d"], pending: [], timedOut: false },
    ]);
  });

  it("is over at once when it was over before it began", async () => {
    const { set, wait } = waiting();
    set("a", ended("a"));
    deepEqual(await wait({ sessionIds: ["a"] }), { ended: ["a"], pending: [], timedOut: false });
  });

  it("without time only looks", async () => {
    const { set, wait } = waiting();
    set("a", ended("a"));
    deepEqual(await wait({ sessionIds: ["a", "b"], timeoutMs: 0 }), {
      ended: ["a"],
      pending: ["b"],
      timedOut: true,
    });
  });

  it("ends with its time, with what there is, and never later than the longest wait", async () => {
    const { set, wait } = waiting();
    set("a", ended("a"));
    const expected = { ended: ["a"], pending: ["b"], timedOut: true };
    deepEqual(await wait({ sessionIds: ["a", "b"], timeoutMs: 20 }), expected);
    deepEqual(await wait({ sessionIds: ["a", "b"], timeoutMs: hour }, never, 20), expected);
    deepEqual(await wait({ sessionIds: ["a", "b"] }, never, 20), expected);
  });

  it("ends when it is no longer wanted", async () => {
    const { wait } = waiting();
    const abort = new AbortController();
    const answer = wait({ sessionIds: ["a"] }, abort.signal);
    abort.abort();
    deepEqual(await answer, { ended: [], pending: ["a"], timedOut: false });
  });

  it("is over at once when its signal was aborted before", async () => {
    const { wait } = waiting();
    deepEqual(await wait({ sessionIds: ["a"] }, AbortSignal.abort()), {
      ended: [],
      pending: ["a"],
      timedOut: false,
    });
  });

  it("does not wait for what is gone", async () => {
    const { set, wait } = waiting();
    const answer = wait({ sessionIds: ["a", "b"] });
    set("a", { gone: true });
    set("b", ended("b"));
    deepEqual(await answer, { ended: ["b"], pending: [], timedOut: false });
  });

  it("is over when everybody left needs a message, and names them", async () => {
    const { set, wait } = waiting();
    const all = wait({ sessionIds: ["a", "b"] });
    const any = wait({ sessionIds: ["a", "b"], until: "any" });
    const firstError = wait({ sessionIds: ["a", "b"], until: "firstError" });
    set("a", { escalated: failed });
    const escalated = [{ sessionId: "a", error: failed }];
    const early = { ended: [], pending: ["a", "b"], timedOut: false, escalated };
    deepEqual(await Promise.all([any, firstError]), [early, early]);
    set("b", ended("b"));
    deepEqual(await all, { ended: ["b"], pending: ["a"], timedOut: false, escalated });
  });

  it("is answered once, whatever happens later", async () => {
    const { set, wait } = waiting();
    let answers = 0;
    const answer = wait({ sessionIds: ["a"] }).then(() => (answers += 1));
    set("a", ended("a"));
    set("a", ended("a", "error"));
    await answer;
    equal(answers, 1);
  });
});
