import { deepEqual, equal, ok } from "node:assert/strict";
import type { RunOutcome } from "../../daemon/sessions/endings.ts";
import type { RunContext } from "../../daemon/runners/runner.ts";
import type { Store } from "../../daemon/store/sessionStore.ts";
import { openParts, type TestParts } from "../support/inProcess.ts";
import { checkLeaks } from "../support/leaks.ts";
import { waitFor } from "../support/waitFor.ts";

/** Whatever a runner does, the order of a run holds, and so does everybody else's. */
describe("a runner that", () => {
  checkLeaks();
  let parts: TestParts;
  let act: (context: RunContext) => Promise<RunOutcome>;
  before(async () => {
    parts = await openParts({ run: (context) => act(context) });
  });
  after(() => parts.stop());

  const done: RunOutcome = { status: "completed", result: "done" };
  const never = () => new Promise<never>(() => undefined);

  async function startedAndEnded(sessionId: string): Promise<void> {
    const said = parts.words(sessionId);
    deepEqual([said[0], said.at(-1)], ["started", "completed"]);
    equal(said.filter((word) => word === "completed").length, 1);
  }

  it("rejects ends with an error, and beats no more", async () => {
    act = async () => {
      throw new Error("out of luck");
    };
    const { id } = await parts.spawn("x");
    const completion = await parts.completion(id);
    deepEqual(completion.error, { code: "internal", message: "out of luck", retryable: false });
    await startedAndEnded(id);
    equal(parts.tree.live.has(id), false);
    equal(parts.scheduler.runningCount, 0);
  });

  it("throws before it returns anything does no more harm", async () => {
    act = () => {
      throw new TypeError("not a promise");
    };
    const { id } = await parts.spawn("x");
    equal((await parts.completion(id)).error?.message, "not a promise");
    await startedAndEnded(id);
    act = async () => done;
    equal((await parts.completion((await parts.spawn("y")).id)).status, "completed");
  });

  it("speaks after its end is not heard", async () => {
    let late: RunContext | undefined;
    act = async (context) => {
      late = context;
      context.emit({ type: "note", level: "info", text: "in time" });
      return done;
    };
    const { id } = await parts.spawn("x");
    await parts.completion(id);
    const before = parts.told.length;
    late?.emit({ type: "note", level: "info", text: "too late" });
    late?.addUsage({ turns: 1 });
    late?.setActivity({ kind: "tool", label: "late" });
    await late?.ended({ status: "completed", result: "something else" });
    await parts.store.flush();
    equal(parts.told.length, before);
    deepEqual(parts.words(id), ["started", "note", "completed"]);
    const shown = parts.tree.show(id);
    equal(shown.usage.turns, 0);
    equal("result" in shown && shown.result, "done");
  });

  it("goes on speaking while its end is being stored is not heard after it", async () => {
    act = async (context) => {
      const speak = () => {
        context.emit({ type: "note", level: "info", text: "still here" });
        if (parts.tree.live.has(context.session.id)) setImmediate(speak);
      };
      setImmediate(speak);
      return done;
    };
    const { id } = await parts.spawn("x");
    await parts.completion(id);
    await parts.store.flush();
    await startedAndEnded(id);
  });

  it("hangs when it is told to end is given up within its time", async () => {
    act = never;
    const { id } = await parts.spawn("x");
    await parts.until(id, "running");
    await parts.requests.cancel(id, undefined, undefined);
    const completion = await parts.completion(id);
    deepEqual([completion.status, completion.error?.message], ["cancelled", "Cancelled by user"]);
    equal(parts.scheduler.runningCount, 0);
  });

  it("calls a stop a success is not believed", async () => {
    act = ({ signal }) =>
      new Promise((resolve) => signal.addEventListener("abort", () => resolve(done)));
    const { id } = await parts.spawn("x");
    await parts.until(id, "running");
    await parts.requests.cancel(id, undefined, undefined);
    const completion = await parts.completion(id);
    deepEqual([completion.status, completion.result], ["cancelled", "done"]);
  });

  it("fails because it was told to end has not failed", async () => {
    act = ({ signal }) =>
      new Promise((_resolve, reject) =>
        signal.addEventListener("abort", () => reject(new Error("broken off"))),
      );
    const { id } = await parts.spawn("x");
    await parts.until(id, "running");
    await parts.requests.cancel(id, undefined, undefined);
    equal((await parts.completion(id)).status, "cancelled");
  });

  it("stops without being asked to is at fault", async () => {
    act = async () => ({ status: "aborted" });
    const { id } = await parts.spawn("x");
    deepEqual((await parts.completion(id)).error, {
      code: "internal",
      message: "the runner stopped without being asked to",
      retryable: false,
    });
  });

  it("says what has no JSON form loses that event only, and no number", async () => {
    act = async (context) => {
      const tool = {
        type: "tool.started",
        toolUseId: "t",
        name: "n",
        title: "n",
        kind: "k",
      } as const;
      context.emit({ type: "note", level: "info", text: "before" });
      context.emit({ ...tool, input: 1n });
      context.emit({ type: "note", level: "info", text: "after" });
      return done;
    };
    const { id } = await parts.spawn("x");
    equal((await parts.completion(id)).status, "completed");
    deepEqual(
      parts.of("subAgent/event").flatMap((one) => (one.childSessionId === id ? [one.seq] : [])),
      [1, 2],
    );
    ok(parts.log.some(({ sentence }) => sentence === "an event could not be stored"));
  });

  it("reads on only when the store can write, wherever the words would be kept meanwhile", async () => {
    let pendingBytes = 65 * 1024 * 1024;
    const held = await openParts({
      run: async (context) => {
        await context.ready();
        return done;
      },
      store: (store) =>
        Object.create(store, { pendingBytes: { get: () => pendingBytes } }) as Store,
    });
    const { id } = await held.spawn("x");
    await held.until(id, "running");
    await waitFor(() => held.of("subAgent/heartbeat").length > 2, "more heartbeats");
    equal(held.tree.get(id).session.status, "running");
    pendingBytes = 0;
    await held.completion(id);
    await held.stop();
  });

  it("floods is held up, and every word of it arrives in order before the end", async () => {
    const lines = 3000;
    act = async (context) => {
      for (let n = 0; n < lines; n += 1) {
        context.emit({ type: "output", stream: "stdout", text: `${n} ${"x".repeat(400)}\n` });
        await context.ready();
      }
      return done;
    };
    const [flooding, other] = [await parts.spawn("x"), await parts.spawn("y", { autoRun: false })];
    await waitFor(() => parts.events(flooding.id).length > 100, "the flood");
    act = async () => done;
    await parts.requests.run(other.id);
    equal((await parts.completion(other.id)).status, "completed");
    await parts.completion(flooding.id);
    const texts = parts.events(flooding.id).map((event) => ("text" in event ? event.text : ""));
    deepEqual(
      texts.map((text) => Number.parseInt(text, 10)),
      [...Array(lines).keys()],
    );
    await startedAndEnded(flooding.id);
  });
});
