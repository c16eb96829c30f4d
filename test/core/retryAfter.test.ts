import { deepEqual, equal, match, ok } from "node:assert/strict";
import { systemClock } from "../../daemon/base/clock.ts";
import type { RunContext } from "../../daemon/runners/runner.ts";
import type { RunOutcome } from "../../daemon/sessions/endings.ts";
import type { RunError } from "../../protocol/session.ts";
import { openParts, type TestParts } from "../support/inProcess.ts";
import { checkLeaks } from "../support/leaks.ts";
import { waitFor } from "../support/waitFor.ts";
import { runError } from "../../daemon/base/errors.ts";

const hour = 3_600_000;

/** Time that stands still for everything that waits at least a minute, until the test lets it pass. */
function heldClock() {
  const held: (() => void)[] = [];
  const time = {
    held,
    passedMs: 0,
    clock: {
      monotonic: () => performance.now() + time.passedMs,
      after(ms: number, call: () => void) {
        if (ms < 60_000) return systemClock.after(ms, call);
        held.push(call);
        return () => void held.splice(held.indexOf(call), 1);
      },
    },
  };
  return time;
}

describe("a run whose provider asks to wait", () => {
  checkLeaks();
  let parts: TestParts;
  let contexts: RunContext[];
  let time: ReturnType<typeof heldClock>;
  let act: (context: RunContext) => Promise<RunOutcome>;
  beforeEach(async () => {
    contexts = [];
    time = heldClock();
    parts = await openParts({
      run: async (context) => {
        contexts.push(context);
        return await act(context);
      },
      clock: time.clock,
      settings: (settings) => ({
        ...settings,
        concurrency: { total: 1, perRoot: 1 },
        watchdog: { checkMs: 5, totalMs: hour / 2, idleMs: hour / 2 },
      }),
    });
  });
  afterEach(() => parts.stop());

  const refusedFor = (retryAfterMs: number): RunError => ({
    ...runError("throttled", "too many requests"),
    retryAfterMs,
  });
  const refusesOnce = async (context: RunContext): Promise<RunOutcome> => {
    if (context.prompt === "other" || context.attempt > 1)
      return { status: "completed", result: "" };
    return { status: "error", error: refusedFor(hour / 2) };
  };

  it("holds no slot, is not timed out, and shows until when it waits", async () => {
    act = refusesOnce;
    const { id } = await parts.spawn("try");
    const before = Date.now();
    const shown = await parts.until(id, "suspended");
    ok(shown.status === "suspended");
    const { kind, ids, until = 0 } = shown.waitingFor;
    deepEqual([kind, ids], ["retry", []]);
    ok(until >= before + hour / 2 - 1_000 && until <= Date.now() + hour / 2, `${until}`);
    time.passedMs += hour;
    const other = await parts.spawn("other");
    equal((await parts.completion(other.id)).status, "completed", "the slot is free");
    equal(parts.tree.show(id).status, "suspended");
    for (const call of [...time.held]) call();
    const completion = await parts.completion(id);
    deepEqual([completion.status, completion.attempt], ["completed", 2]);
  });

  it("can be cancelled while it waits", async () => {
    act = refusesOnce;
    const { id } = await parts.spawn("try");
    await parts.until(id, "suspended");
    await parts.requests.cancel(id);
    equal((await parts.completion(id)).status, "cancelled");
    equal(parts.scheduler.runningCount + parts.scheduler.suspendedCount, 0);
  });

  it("ends as throttled, with the time, where the wait is longer than a run may wait", async () => {
    act = async () => ({ status: "error", error: { ...refusedFor(5 * hour), code: "overloaded" } });
    const { id } = await parts.spawn("try");
    const { status, error } = await parts.completion(id);
    deepEqual([status, error?.code, error?.retryAfterMs], ["error", "throttled", 5 * hour]);
    match(error?.message ?? "", /^too many requests \(the provider takes no request before 20.*Z/);
    equal(contexts.length, 1);
  });

  it("hears nothing more of an attempt that is over", async () => {
    act = refusesOnce;
    const { id } = await parts.spawn("try");
    await parts.until(id, "suspended");
    const [first] = contexts;
    const second = Promise.withResolvers<RunOutcome>();
    act = () => second.promise;
    for (const call of [...time.held]) call();
    await waitFor(() => contexts[1], "the second attempt");
    first?.emit({ type: "message.delta", text: "late" });
    first?.addUsage({ turns: 5, inputTokens: 5 });
    first?.describe({ title: "late" });
    first?.remember("name", "late");
    await first?.ended({ status: "completed", result: "late" });
    equal(
      (await first?.ask({ toolName: "t", kind: "other", title: "t", input: {} }))?.decision,
      "expired",
    );
    await parts.requests.cancel(id);
    second.resolve({ status: "aborted" });
    const completion = await parts.completion(id);
    equal(completion.status, "cancelled", "the second attempt had not ended by itself");
    equal(completion.usage.turns, 0);
    ok(!parts.words(id).includes("message.delta"));
    const { session, remembered } = parts.tree.get(id);
    deepEqual([session.title, remembered], ["try", undefined]);
  });
});
