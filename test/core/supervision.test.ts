import { deepEqual, equal, ok } from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import type { RunOutcome } from "../../daemon/sessions/endings.ts";
import type { RunContext } from "../../daemon/runners/runner.ts";
import type { TestParts } from "../support/inProcess.ts";
import { checkLeaks } from "../support/leaks.ts";
import { done, fails, network, supervised } from "../support/supervised.ts";
import { waitFor } from "../support/waitFor.ts";
import { runError } from "../../daemon/base/errors.ts";

describe("the supervision of a run", () => {
  checkLeaks();
  let parts: TestParts;
  let contexts: RunContext[];
  afterEach(() => parts.stop());

  async function supervise(...given: Parameters<typeof supervised>): Promise<void> {
    ({ parts, contexts } = await supervised(...given));
  }

  function retries(sessionId: string) {
    return parts
      .events(sessionId)
      .flatMap((event) => (event.type === "retry" ? [[event.attempt, event.inMs]] : []));
  }

  it("restarts inside the run: one start, one end, and an event before each wait", async () => {
    await supervise([fails(), fails(), done()]);
    const { id } = await parts.spawn("try");
    const completion = await parts.completion(id);
    equal(completion.status, "completed");
    equal(completion.attempt, 3);
    const waited = ["retry", "status", "status"];
    deepEqual(parts.words(id), ["started", ...waited, ...waited, "completed"]);
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

  it("keeps to the bound of runs when agents crash that waited for children", async () => {
    const crash = Promise.withResolvers<void>();
    const busy = Promise.withResolvers<void>();
    let working = 0;
    let most = 0;
    async function work(on: Promise<unknown>): Promise<RunOutcome> {
      working += 1;
      most = Math.max(most, working);
      await on;
      working -= 1;
      return done();
    }
    async function waitForChild({ session, runId }: RunContext): Promise<RunOutcome> {
      const child = await parts.spawn("x", { parentId: session.id, autoRun: false });
      const connection = new AbortController();
      const ofRun = { sessionId: session.id, runId };
      const waiting = parts.requests.wait({ sessionIds: [child.id] }, ofRun, connection.signal);
      await crash.promise;
      connection.abort();
      await waiting;
      return fails();
    }
    const act = async (context: RunContext) => {
      if (context.prompt === "busy") return await work(busy.promise);
      return await (context.attempt === 1 ? waitForChild(context) : work(Promise.resolve()));
    };
    await supervise([act], {
      settings: (settings) => ({ ...settings, concurrency: { total: 2, perRoot: 2 } }),
    });
    const ids: string[] = [];
    for (let n = 0; n < 4; n += 1) ids.push((await parts.spawn("parent")).id);
    for (const id of ids) await parts.until(id, "suspended");
    for (let n = 0; n < 2; n += 1) await parts.spawn("busy");
    await waitFor(() => working === 2, "both slots to be taken");
    crash.resolve();
    await waitFor(() => ids.every((id) => retries(id).length === 1), "all of them to be retried");
    busy.resolve();
    for (const id of ids) equal((await parts.completion(id)).status, "completed");
    equal(most, 2);
  });

  it("gives up after three restarts, with the last error and what was said", async () => {
    await supervise([fails()]);
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
    await supervise([fails(), fails(), stable, fails(), fails(), fails(), fails()], {
      clock: { monotonic: () => nowMs },
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
    await supervise([almost], { clock: { monotonic: () => nowMs } });
    const second = await parts.spawn("try", { limits: { timeoutMs: 10_000_000 } });
    equal((await parts.completion(second.id)).attempt, 4);
  });

  it("never restarts what is not retryable", async () => {
    await supervise([fails(runError("exit_nonzero", "exited with code 1"))]);
    const { id } = await parts.spawn("try");
    equal((await parts.completion(id)).error?.code, "exit_nonzero");
    deepEqual(parts.words(id), ["started", "completed"]);
  });

  it("ends at once when it is cancelled in the wait before a restart", async () => {
    await supervise([fails()], { profile: { restart: { backoffMs: 60_000 } } });
    const { id } = await parts.spawn("try");
    await waitFor(() => retries(id).length === 1, "the wait");
    await parts.requests.cancel(id, undefined, undefined);
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
    await supervise([ending, done()]);
    const { id } = await parts.spawn("try");
    await waitFor(() => contexts.length === 1, "the attempt");
    await parts.until(id, "running");
    await parts.requests.cancel(id, undefined, undefined);
    held.resolve();
    const completion = await parts.completion(id);
    // It had failed before it was cancelled, and that stays true.
    deepEqual([completion.status, completion.error], ["error", network]);
    equal(contexts.length, 1);
  });

  it("keeps no end of an attempt that another one follows", async () => {
    const second = Promise.withResolvers<RunOutcome>();
    await supervise([
      async (context) => {
        // The end of an attempt is stored only while something has to be ended first.
        const left = spawn("sleep", ["1000"], { env: context.environment, stdio: "ignore" });
        await once(left, "spawn");
        await context.ended(fails());
        equal(left.killed || left.exitCode !== null || left.signalCode !== null, true);
        return fails();
      },
      () => second.promise,
    ]);
    const { id } = await parts.spawn("try");
    await waitFor(() => contexts.length === 2, "the second attempt");
    const stored = (await parts.store.loadHeaders()).sessions.find(
      ({ session }) => session.id === id,
    );
    equal(stored?.session.status, "running");
    equal(stored?.ending, undefined);
    ok(parts.words(id).includes("note"), "something was ended");
    second.resolve(done());
    equal((await parts.completion(id)).status, "completed");
  });

  it("has a slot again when it restarts after it failed while it waited", async () => {
    await supervise(
      [
        async (context) => {
          const child = await parts.spawn("child", { parentId: context.session.id });
          const ofRun = { sessionId: context.session.id, runId: context.runId };
          void parts.requests.wait({ sessionIds: [child.id] }, ofRun, context.signal);
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
    await parts.requests.cancel(child, undefined, undefined);
    equal((await parts.completion(id)).result, "second attempt");
  });
});
