import { deepEqual, equal } from "node:assert/strict";
import type { RunOutcome } from "../../daemon/sessions/endings.ts";
import type { RunContext } from "../../daemon/runners/runner.ts";
import type { AgentProfile } from "../../protocol/config.ts";
import { startDaemon, type TestClient, type TestDaemon } from "../support/daemon.ts";
import { openParts, type TestParts } from "../support/inProcess.ts";
import { checkLeaks } from "../support/leaks.ts";
import { waitFor } from "../support/waitFor.ts";
import { runError } from "../../daemon/base/errors.ts";

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

  /**
   * Listens until it is let go of. A message that begins with "not" is refused, and one that ends
   * with "unread" is taken and not read.
   */
  function listening() {
    const end = Promise.withResolvers<RunOutcome>();
    act = async ({ onMessage, signal }) => {
      onMessage((text, read) => {
        if (text.startsWith("not")) return "queued";
        taken.push(text);
        if (!text.endsWith("unread")) read();
        return "injected";
      });
      signal.addEventListener("abort", () => end.resolve({ status: "aborted" }));
      return await end.promise;
    };
    return end;
  }

  const done: RunOutcome = { status: "completed", result: "done" };
  const send = (sessionId: string, text: string, interrupt = false) =>
    parts.requests.send({ sessionId, text, ...(interrupt && { interrupt }) });

  it("is injected, stored, and needs no run of its own", async () => {
    const end = listening();
    const { id } = await parts.spawn("one");
    await parts.until(id, "running");
    equal(await send(id, "two"), "injected");
    equal(await send(id, "three"), "injected");
    end.resolve(done);
    await parts.completion(id);
    deepEqual(taken, ["two", "three"]);
    await parts.requests.run(id);
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
    equal(await other.requests.send({ sessionId: id, text: "two" }), "queued");
    await other.completion(id);
    deepEqual([taken, prompts], [[], ["one", "one\n\ntwo"]]);
    await other.stop();
  });

  it("that was taken and not read goes to a run of its own", async () => {
    const end = listening();
    const { id } = await parts.spawn("one");
    await parts.until(id, "running");
    equal(await send(id, "two"), "injected");
    equal(await send(id, "three, unread"), "injected");
    act = async () => done;
    end.resolve(done);
    await parts.completion(id, 2);
    deepEqual(prompts, ["one", "three, unread"]);
    await parts.requests.run(id);
    equal((await parts.completion(id, 3)).status, "skipped", "now it was read");
  });

  it("that was read has been read with all before it", async () => {
    const end = listening();
    const { id } = await parts.spawn("one");
    await parts.until(id, "running");
    equal(await send(id, "two, unread"), "injected");
    equal(await send(id, "three"), "injected");
    end.resolve(done);
    await parts.completion(id);
    deepEqual(prompts, ["one"]);
    equal(parts.tree.get(id).session.status, "completed");
  });

  it("is not lost with an agent that died before it had read it, and is not tried again", async () => {
    const end = listening();
    const { id } = await parts.spawn("one", { overrides: { restart: { policy: "never" } } });
    await parts.until(id, "running");
    equal(await send(id, "two, unread"), "injected");
    act = async () => done;
    end.resolve({ status: "error", error: runError("runner_crashed", "it died") });
    equal((await parts.completion(id)).status, "error");
    equal((await parts.completion(id, 2)).status, "completed");
    deepEqual(prompts, ["one", "one\n\ntwo, unread"], "the failed work is tried with it");
  });

  it("that was read needs no other run when its run fails later", async () => {
    const end = listening();
    const { id } = await parts.spawn("one", { overrides: { restart: { policy: "never" } } });
    await parts.until(id, "running");
    equal(await send(id, "two"), "injected");
    end.resolve({ status: "error", error: runError("max_turns", "too long") });
    equal((await parts.completion(id)).status, "error");
    deepEqual(prompts, ["one"]);
    equal(parts.tree.get(id).session.status, "error");
  });

  it("counts as read only where it was taken, whatever the runner says", async () => {
    const end = Promise.withResolvers<RunOutcome>();
    act = async ({ onMessage }) => {
      onMessage((_text, read) => {
        read();
        return "queued";
      });
      return await end.promise;
    };
    const { id } = await parts.spawn("one");
    await parts.until(id, "running");
    equal(await send(id, "two"), "queued");
    act = async () => done;
    end.resolve(done);
    await parts.completion(id, 2);
    deepEqual(prompts, ["one", "two"]);
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

/** Speaks as `claude` does: what it does with its first and its second message is up to the test. */
function speaker(first: string, second: string): AgentProfile {
  const program = `
    const print = (json) => console.log(JSON.stringify(json));
    const say = (text) => print({ type: "assistant", parent_tool_use_id: null,
      message: { id: "m" + text, model: "m", content: [{ type: "text", text }], usage: {} } });
    const end = (result) =>
      print({ type: "result", subtype: "success", is_error: false, result, num_turns: 1 });
    let messages = 0;
    print({ type: "system", subtype: "init", session_id: "s", model: "m" });
    require("node:readline").createInterface({ input: process.stdin })
      .on("line", (line) => {
        const { content } = JSON.parse(line).message;
        if ((messages += 1) === 1) { ${first} } else { ${second} }
      })
      .on("close", () => process.exit(0));`;
  return {
    name: "speaker",
    runner: {
      kind: "command",
      command: process.execPath,
      args: ["-e", program],
      promptVia: "stdin",
      format: "claude-stream-json",
    },
    restart: { backoffMs: 1 },
  };
}

describe("a message to a program that took it", () => {
  checkLeaks();
  let daemon: TestDaemon;
  let client: TestClient;
  beforeEach(async () => {
    daemon = startDaemon();
    client = await daemon.client();
  });
  afterEach(() => daemon.stop());

  /** A run whose program has spoken, and was then sent "and this". */
  async function sent(profile: AgentProfile): Promise<string> {
    daemon.configure({ agents: [profile] });
    const id = await client.shell("do it", { agent: "speaker" });
    const isHeard = () => client.of("subAgent/event").some(({ event }) => event.type === "message");
    await waitFor(isHeard, "its first words");
    const { delivery } = await client.call("session/send", { sessionId: id, text: "and this" });
    equal(delivery, "injected");
    return id;
  }

  const both = 'say(content); if (content.includes("and this")) end(content);';

  it("is read by the next attempt when the program dies of it", async () => {
    const id = await sent(speaker(both, "process.exit(1)"));
    const { status, attempt, result } = await client.completion(id);
    deepEqual([status, attempt, result], ["completed", 2, "do it\n\nand this"]);
  });

  it("is read by a run of its own when the program dies of it and is not tried again", async () => {
    const id = await sent({
      ...speaker(both, "process.exit(1)"),
      restart: { policy: "never" },
    });
    deepEqual([(await client.completion(id)).status], ["error"]);
    const { status, result } = await client.completion(id, 2);
    deepEqual([status, result], ["completed", "do it\n\nand this"]);
  });

  it("is read by a run of its own when the program ends well without it", async () => {
    const id = await sent(speaker(both, 'end("first"); process.exit(0)'));
    deepEqual((await client.completion(id)).result, "first");
    equal((await client.completion(id, 2)).result, "and this");
  });

  it("keeps its input open while it has not read it", async () => {
    const id = await sent(
      speaker(
        "say(content)",
        'end("first"); setTimeout(() => { say(content); end(content); }, 200)',
      ),
    );
    const { status, result } = await client.completion(id);
    deepEqual([status, result], ["completed", "and this"]);
    equal(client.of("subAgent/completed").length, 1);
  });
});
