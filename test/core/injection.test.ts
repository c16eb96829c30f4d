import { deepEqual, equal } from "node:assert/strict";
import { runError } from "../../daemon/endings.ts";
import type { RunContext, RunOutcome } from "../../daemon/runners/runner.ts";
import { openParts, type TestParts } from "../support/inProcess.ts";
import { checkLeaks } from "../support/leaks.ts";
import { waitFor } from "../support/waitFor.ts";

/** An agent that takes messages while it works; here the test is the agent. */
describe("a message to an agent that listens", () => {
  checkLeaks();
  let parts: TestParts;
  let act: (context: RunContext) => Promise<RunOutcome>;
  let taken: string[];
  let prompts: string[];
  beforeEach(() => {
    taken = [];
    prompts = [];
  });
  before(async () => {
    parts = await openParts({
      run: (context) => {
        prompts.push(context.prompt);
        return act(context);
      },
      profile: { restart: { backoffMs: 1 } },
    });
  });
  after(() => parts.stop());

  /** Listens until it is let go of; a message that begins with "not" is refused. */
  function listening() {
    const end = Promise.withResolvers<RunOutcome>();
    act = async ({ onMessage, signal }) => {
      onMessage((text) => {
        if (text.startsWith("not")) return "queued";
        taken.push(text);
        return "injected";
      });
      signal.addEventListener("abort", () => end.resolve({ status: "aborted" }));
      return await end.promise;
    };
    return end;
  }

  const done: RunOutcome = { status: "completed", result: "done" };
  const send = (sessionId: string, text: string, interrupt = false) =>
    parts.scheduler.send({ sessionId, text, ...(interrupt && { interrupt }) });

  it("is injected, stored, and needs no run of its own", async () => {
    const end = listening();
    const { id } = await parts.spawn("one");
    await parts.until(id, "running");
    equal(await send(id, "two"), "injected");
    equal(await send(id, "three"), "injected");
    end.resolve(done);
    await parts.completion(id);
    deepEqual(taken, ["two", "three"]);
    await parts.scheduler.run(id);
    equal((await parts.completion(id, 2)).status, "skipped", "all was answered");
    const messages = await parts.store.messages(id, 0, 10);
    deepEqual(
      messages.map(({ text }) => text),
      ["one", "two", "three", "done"],
    );
  });

  it("is kept when the agent does not take it, and so is whatever comes after it", async () => {
    const end = listening();
    const { id } = await parts.spawn("one");
    await parts.until(id, "running");
    equal(await send(id, "two"), "injected");
    equal(await send(id, "not now"), "queued");
    equal(await send(id, "three"), "queued", "its order is kept");
    act = async () => done;
    end.resolve(done);
    await parts.completion(id, 2);
    deepEqual(taken, ["two"]);
    deepEqual(prompts, ["one", "not now\n\nthree"]);
  });

  it("is not injected into what has ended, or is to end", async () => {
    const end = listening();
    const { id } = await parts.spawn("one");
    await parts.until(id, "running");
    equal(await send(id, "two", true), "queued");
    equal(await send(id, "three"), "queued");
    act = async () => done;
    end.resolve(done);
    await parts.completion(id, 2);
    deepEqual(taken, []);
    deepEqual(prompts, ["one", "one\n\ntwo\n\nthree"]);
  });

  it("is not lost when it comes while the end of a run is being stored", async () => {
    const end = listening();
    const { id } = await parts.spawn("one");
    await parts.until(id, "running");
    let sent: Promise<string> | undefined;
    const sendInBetween = () => {
      // The end counts already, and nobody was told yet.
      const isBeingStored = parts.tree.get(id).session.status === "completed";
      if (isBeingStored) sent = send(id, "two");
      else setImmediate(sendInBetween);
    };
    sendInBetween();
    end.resolve(done);
    await parts.completion(id);
    act = async () => done;
    equal(await sent, "run");
    await parts.completion(id, 2);
    deepEqual(prompts, ["one", "two"]);
  });

  it("waits for the next attempt while the agent is not there", async () => {
    const end = listening();
    const restart = { backoffMs: 200 };
    const other = await openParts({
      run: (context) => {
        prompts.push(context.prompt);
        return act(context);
      },
      profile: { restart },
    });
    const { id } = await other.spawn("one");
    await other.until(id, "running");
    act = async () => done;
    end.resolve({ status: "error", error: runError("runner_crashed", "it died") });
    await waitFor(() => other.words(id).includes("retry"), "the wait before the next attempt");
    equal(await other.scheduler.send({ sessionId: id, text: "two" }), "queued");
    await other.completion(id);
    deepEqual([taken, prompts], [[], ["one", "one\n\ntwo"]]);
    await other.stop();
  });

  it("is read again by the next attempt when the agent fails on it", async () => {
    const end = listening();
    const { id } = await parts.spawn("one");
    await parts.until(id, "running");
    equal(await send(id, "two"), "injected");
    act = async () => done;
    end.resolve({ status: "error", error: runError("runner_crashed", "it died") });
    equal((await parts.completion(id)).attempt, 2);
    deepEqual(prompts, ["one", "one\n\ntwo"]);
    equal(parts.words(id).filter((word) => word === "completed").length, 1);
  });
});
