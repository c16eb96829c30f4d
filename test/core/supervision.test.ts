import { deepEqual, equal, ok } from "node:assert/strict";
import { runError } from "../../daemon/endings.ts";
import type { RunContext, RunOutcome } from "../../daemon/runners/runner.ts";
import { openParts, type TestParts, type TestPartsOptions } from "../support/inProcess.ts";
import { checkLeaks } from "../support/leaks.ts";
import { waitFor } from "../support/waitFor.ts";

const network = runError("network", "the line is down");
const fails = (error = network): RunOutcome => ({ status: "error", error, result: "so far" });
const done = (result = "done"): RunOutcome => ({ status: "completed", result });

describe("the supervision of a run", () => {
  checkLeaks();
  let parts: TestParts;
  let contexts: RunContext[];
  afterEach(() => parts.stop());

  /** Parts whose runs come to these outcomes, attempt by attempt; the last one again and again. */
  async function supervised(
    outcomes: (RunOutcome | ((context: RunContext) => Promise<RunOutcome>))[],
    options: Partial<TestPartsOptions> = {},
  ): Promise<void> {
    contexts = [];
    const quick = { policy: "default", backoffMs: 1 } as const;
    parts = await openParts({
      async run(context) {
        contexts.push(context);
        const outcome = outcomes[contexts.length - 1] ?? outcomes.at(-1) ?? done();
        return typeof outcome === "function" ? await outcome(context) : outcome;
      },
      random: () => 0,
      profile: { restart: quick },
      ...options,
    });
  }

  function retries(sessionId: string) {
    return parts
      .events(sessionId)
      .flatMap((event) => (event.type === "retry" ? [[event.attempt, event.inMs]] : []));
  }

  it("restarts inside the run: one start, one end, and an event before each wait", async () => {
    await supervised([fails(), fails(), done()]);
    const { id } = await parts.spawn("try");
    const completion = await parts.completion(id);
    equal(completion.status, "completed");
    equal(completion.attempt, 3);
    deepEqual(parts.words(id), ["started", "retry", "retry", "completed"]);
    deepEqual(retries(id), [
      [2, 1],
      [3, 2],
    ]);
    deepEqual(
      contexts.map(({ attempt, prompt, runId }) => [attempt, prompt, runId]),
      [1, 2, 3].map((attempt) => [attempt, "try", completion.runId]),
    );
    const [retry] = parts.events(id);
    deepEqual(retry?.type === "retry" && retry.error, network);
  });

  it("gives up after three restarts, with the last error and what was said", async () => {
    await supervised([fails()]);
    const { id } = await parts.spawn("try");
    const completion = await parts.completion(id);
    deepEqual(
      [completion.status, completion.error, completion.result, completion.attempt],
      ["error", network, "so far", 4],
    );
    deepEqual(retries(id), [
      [2, 1],
      [3, 2],
      [4, 4],
    ]);
    equal(parts.tree.get(id).session.status, "error");
  });

  it("counts anew only after a long stable time, never because an agent came up", async () => {
    let nowMs = 0;
    const stable = async () => {
      nowMs += 300_000;
      return fails();
    };
    const almost = async () => {
      nowMs += 299_999;
      return fails();
    };
    await supervised([fails(), fails(), stable, fails(), fails(), fails(), fails()], {
      monotonicMs: () => nowMs,
      settings: (settings) => ({
        ...settings,
        watchdog: { checkMs: 1000, totalMs: 10_000_000, idleMs: 10_000_000 },
      }),
    });
    const first = await parts.spawn("try");
    await parts.completion(first.id);
    equal(contexts.length, 6, "three, and three more after the stable time");
    await parts.stop();
    nowMs = 0;
    await supervised([almost], { monotonicMs: () => nowMs });
    const second = await parts.spawn("try", { limits: { timeoutMs: 10_000_000 } });
    equal((await parts.completion(second.id)).attempt, 4);
  });

  it("never restarts what is not retryable", async () => {
    await supervised([fails(runError("exit_nonzero", "exited with code 1"))]);
    const { id } = await parts.spawn("try");
    equal((await parts.completion(id)).error?.code, "exit_nonzero");
    deepEqual(parts.words(id), ["started", "completed"]);
  });

  it("ends at once when it is cancelled in the wait before a restart", async () => {
    await supervised([fails()], { profile: { restart: { backoffMs: 60_000 } } });
    const { id } = await parts.spawn("try");
    await waitFor(() => retries(id).length === 1, "the wait");
    parts.scheduler.cancel(id, undefined, undefined);
    const completion = await parts.completion(id);
    equal(completion.error?.message, "Cancelled by user");
    equal(completion.result, "so far");
    equal(contexts.length, 1);
  });

  it("does not restart what somebody wanted to end while its leftovers were ended", async () => {
    const held = Promise.withResolvers<void>();
    const ending = async (context: RunContext) => {
      await context.ended(fails());
      await held.promise;
      return fails();
    };
    await supervised([ending, done()]);
    const { id } = await parts.spawn("try");
    await waitFor(() => contexts.length === 1, "the attempt");
    await parts.until(id, "running");
    parts.scheduler.cancel(id, undefined, undefined);
    held.resolve();
    const completion = await parts.completion(id);
    // It had failed before it was cancelled, and that stays true.
    deepEqual([completion.status, completion.error], ["error", network]);
    equal(contexts.length, 1);
  });

  it("escalates: the run stays alive, whoever waits is told, and a message continues it", async () => {
    await supervised([fails(), fails(), done("after all")], {
      profile: { restart: { policy: "escalate", max: 1, backoffMs: 1 } },
    });
    const { id } = await parts.spawn("try");
    const waiting = parts.scheduler.wait(
      { sessionIds: [id] },
      undefined,
      new AbortController().signal,
    );
    const answer = await waiting;
    deepEqual(answer, {
      completions: [],
      pending: [id],
      timedOut: false,
      escalated: [{ sessionId: id, error: network }],
    });
    const suspended = await parts.until(id, "suspended");
    deepEqual("waitingFor" in suspended && suspended.waitingFor, { kind: "input", ids: [] });
    equal(parts.scheduler.runningCount, 0, "it holds no slot");
    equal(await parts.scheduler.send({ sessionId: id, text: "try harder" }), "injected");
    const completion = await parts.completion(id);
    deepEqual([completion.status, completion.result], ["completed", "after all"]);
    equal(completion.attempt, 3);
    equal(contexts[2]?.prompt, "try\n\ntry harder");
    deepEqual(
      parts.words(id).filter((word) => word === "started" || word === "completed"),
      ["started", "completed"],
    );
  });

  it("takes a message that came while it worked for the answer to its failure", async () => {
    const held = Promise.withResolvers<RunOutcome>();
    await supervised([() => held.promise, done("read both")], {
      profile: { restart: { policy: "escalate" } },
    });
    const { id } = await parts.spawn("one");
    await parts.until(id, "running");
    equal(await parts.scheduler.send({ sessionId: id, text: "two" }), "queued");
    held.resolve(fails(runError("auth", "no key")));
    equal((await parts.completion(id)).result, "read both");
    equal(contexts[1]?.prompt, "one\n\ntwo");
  });

  it("can cancel what was escalated, and forgets who asked before", async () => {
    await supervised([fails()], { profile: { restart: { policy: "escalate", max: 0 } } });
    const { id } = await parts.spawn("try");
    await parts.until(id, "suspended");
    parts.scheduler.cancel(id, "given up", undefined);
    const completion = await parts.completion(id);
    deepEqual([completion.status, completion.reason], ["cancelled", "given up"]);
    const next = await parts.spawn("try");
    await parts.until(next.id, "suspended");
    ok(parts.events(next.id).some(({ type }) => type === "note"));
  });

  it("wakes a parent whose child needs a message", async () => {
    await supervised(
      [
        async (context) => {
          const child = await parts.spawn("child", { parentId: context.session.id });
          const { sessionId, runId } = { sessionId: context.session.id, runId: context.runId };
          const answer = await parts.scheduler.wait(
            { sessionIds: [child.id] },
            { sessionId, runId },
            context.signal,
          );
          return done(`escalated: ${answer.escalated?.length}`);
        },
        fails(),
      ],
      { profile: { restart: { policy: "escalate", max: 0 } } },
    );
    const { id } = await parts.spawn("parent");
    equal((await parts.completion(id)).result, "escalated: 1");
  });

  it("has a slot again when it restarts after it failed while it waited", async () => {
    await supervised(
      [
        async (context) => {
          const child = await parts.spawn("child", { parentId: context.session.id });
          const ofRun = { sessionId: context.session.id, runId: context.runId };
          void parts.scheduler.wait({ sessionIds: [child.id] }, ofRun, context.signal);
          await parts.until(context.session.id, "suspended");
          return fails();
        },
        (context) =>
          new Promise((resolve) =>
            context.signal.addEventListener("abort", () => resolve({ status: "aborted" })),
          ),
        done("second attempt"),
      ],
      {
        settings: (settings) => ({ ...settings, concurrency: { total: 1, perRoot: 1 } }),
      },
    );
    const { id } = await parts.spawn("parent");
    await waitFor(() => retries(id).length === 1, "the failure of the parent");
    // The child has the only slot, so the parent has to wait for it.
    const [child = ""] = parts.tree.childrenOf(id);
    await parts.until(child, "running");
    equal(contexts.length, 2);
    parts.scheduler.cancel(child, undefined, undefined);
    equal((await parts.completion(id)).result, "second attempt");
  });
});
