import { deepEqual, equal, match, rejects } from "node:assert/strict";
import type { RunOutcome } from "../../daemon/sessions/endings.ts";
import type { Paused, RunContext } from "../../daemon/runners/runner.ts";
import type { Config } from "../../protocol/config.ts";
import { startDaemon, type TestClient, type TestDaemon } from "../support/daemon.ts";
import { openParts, type TestParts } from "../support/inProcess.ts";
import { checkLeaks } from "../support/leaks.ts";
import { script, startModelServer, type ModelServer } from "../support/modelServer.ts";
import { refusal, sessionOf, storedEvents, until, words } from "../support/runs.ts";
import { waitFor } from "../support/waitFor.ts";
import { runError } from "../../daemon/base/errors.ts";

type Attempt = Pick<RunContext, "prompt" | "sincePause" | "runId" | "attempt">;
type TurnEnd = "next" | "last" | "fail" | "lie";

/** An agent whose turns the test ends, one by one. */
describe("a live run whose agent has turns", () => {
  checkLeaks();
  let parts: TestParts;
  let attempts: Attempt[];
  let endTurn: Map<string, (end: TurnEnd) => void>;
  let nowMs: number;
  beforeEach(async () => {
    attempts = [];
    endTurn = new Map();
    nowMs = 0;
    parts = await openParts({
      run,
      canPause: () => true,
      clock: { monotonic: () => nowMs },
      profile: { restart: { backoffMs: 1 } },
      settings: (settings) => ({
        ...settings,
        concurrency: { total: 1, perRoot: 1 },
        watchdog: { checkMs: 5, totalMs: 60_000, idleMs: 60_000 },
      }),
    });
  });
  afterEach(() => parts.stop());

  async function run(context: RunContext): Promise<RunOutcome | Paused> {
    const { prompt, sincePause, runId, attempt, signal, session } = context;
    const isNew = sincePause === undefined;
    attempts.push({ prompt, runId, attempt, ...(!isNew && { sincePause }) });
    let shallPause = false;
    context.onPause(() => (shallPause = true));
    context.onMessage((_text, read) => {
      read();
      return "injected";
    });
    for (;;) {
      if (shallPause) return { status: "paused" };
      const turn = Promise.withResolvers<TurnEnd | "aborted">();
      signal.addEventListener("abort", () => turn.resolve("aborted"));
      endTurn.set(session.id, turn.resolve);
      context.addUsage({ turns: 1 });
      const end = await turn.promise;
      endTurn.delete(session.id);
      if (end === "aborted") return { status: "aborted" };
      if (end === "last") return { status: "completed", result: "done" };
      if (end === "lie") return { status: "paused" };
      if (end === "fail") return { status: "error", error: runError("network", "no network") };
    }
  }

  const next = async (id: string, end: TurnEnd = "next") =>
    (await waitFor(() => endTurn.get(id), "a turn", { describe: () => parts.tree.show(id) }))(end);
  const pause = (sessionId: string, tree = false) => parts.requests.pause({ sessionId, tree });
  const resume = (sessionId: string, tree = false) => parts.requests.resume({ sessionId, tree });
  const inTurn = (id: string) => waitFor(() => endTurn.has(id), "a turn");
  const states = (id: string) =>
    parts.events(id).flatMap((event) => (event.type === "status" ? [event.to] : []));
  async function paused(prompt = "one", more: object = {}): Promise<string> {
    const { id } = await parts.spawn(prompt, more);
    await inTurn(id);
    await pause(id);
    await next(id);
    await parts.until(id, "paused");
    return id;
  }

  it("is paused at its next turn, without a slot, and goes on as the same run", async () => {
    const { id } = await parts.spawn("one");
    await inTurn(id);
    const other = await parts.spawn("other");
    await pause(id);
    equal(parts.tree.show(id).status, "running", "until its turn is over");
    await next(id);
    const held = await parts.until(id, "paused");
    await inTurn(other.id);
    deepEqual([parts.tree.live.has(id), parts.scheduler.runningCount], [false, 1]);
    const beats = parts
      .of("subAgent/heartbeat")
      .filter(({ childSessionId }) => childSessionId === id);
    await resume(id);
    const queued = await parts.until(id, "queued");
    await next(other.id, "last");
    await inTurn(id);
    const running = parts.tree.show(id);
    for (const one of [held, queued, running]) {
      deepEqual("runId" in one && [one.runId, one.attempt], [attempts[0]?.runId, 1]);
    }
    deepEqual(
      attempts.filter(({ prompt }) => prompt === "one").map(({ sincePause }) => sincePause),
      [undefined, ""],
    );
    await next(id, "last");
    const { status, attempt } = await parts.completion(id);
    deepEqual([status, attempt], ["completed", 1]);
    deepEqual(states(id), ["paused", "running"]);
    const said = parts.words(id).filter((word) => word === "started" || word === "completed");
    deepEqual(said, ["started", "completed"]);
    const heard = parts
      .of("subAgent/heartbeat")
      .filter(({ childSessionId }) => childSessionId === id);
    equal(heard.length > beats.length, true, "it beats again");
    equal("held" in parts.tree.get(id), false);
  });

  it("gets the messages that came meanwhile, and only those", async () => {
    const id = await paused();
    const send = (text: string) => parts.requests.send({ sessionId: id, text });
    deepEqual([await send("two"), await send("three")], ["queued", "queued"]);
    await resume(id);
    await inTurn(id);
    const { prompt, sincePause } = attempts.at(-1) ?? {};
    deepEqual([prompt, sincePause], ["one\n\ntwo\n\nthree", "two\n\nthree"]);
    equal(await send("four"), "injected");
    await pause(id);
    await next(id);
    await parts.until(id, "paused");
    await resume(id);
    await inTurn(id);
    equal(attempts.at(-1)?.sincePause, "", "what it has read it is not told again");
    await next(id, "last");
    await parts.completion(id);
    await parts.requests.run(id);
    equal((await parts.completion(id, 2)).status, "skipped");
  });

  it("reads everything again when it fails after a pause", async () => {
    const id = await paused();
    await parts.requests.send({ sessionId: id, text: "two" });
    await resume(id);
    await next(id, "fail");
    await inTurn(id);
    const { prompt, sincePause, attempt } = attempts.at(-1) ?? {};
    deepEqual([prompt, sincePause, attempt], ["one\n\ntwo", undefined, 2]);
    await next(id, "last");
    equal((await parts.completion(id)).attempt, 2);
  });

  it("goes on when it is resumed before it has paused", async () => {
    const { id } = await parts.spawn("one");
    await inTurn(id);
    await pause(id);
    await resume(id);
    await next(id);
    await next(id, "last");
    equal((await parts.completion(id)).status, "completed");
    deepEqual(states(id), ["paused", "running"]);
  });

  it("ends when its last turn ends first", async () => {
    const { id } = await parts.spawn("one");
    await inTurn(id);
    await pause(id);
    await next(id, "last");
    equal((await parts.completion(id)).status, "completed");
    await rejects(pause(id), { code: 1003 });
  });

  it("pauses in the attempt after a failed one as well", async () => {
    const { id } = await parts.spawn("one");
    await inTurn(id);
    await pause(id);
    await next(id, "fail");
    await parts.until(id, "paused");
    deepEqual(
      attempts.map(({ attempt }) => attempt),
      [1, 2],
    );
    await parts.requests.cancel(id, undefined, undefined);
    await parts.completion(id);
  });

  it("is cancelled while it is paused, as a run that had started", async () => {
    const id = await paused();
    await parts.requests.cancel(id, "enough", undefined);
    const { status, error, reason } = await parts.completion(id);
    deepEqual([status, error?.message, reason], ["cancelled", "Cancelled by user", "enough"]);
    deepEqual(
      parts.words(id).filter((word) => word !== "status" && word !== "usage"),
      ["started", "completed"],
    );
  });

  it("is cancelled rather than paused where both are wanted", async () => {
    const { id } = await parts.spawn("one");
    await inTurn(id);
    await pause(id);
    await parts.requests.cancel(id, undefined, undefined);
    equal((await parts.completion(id)).status, "cancelled");
    await rejects(resume(id), { code: 1003 });
    const raced = await parts.spawn("two");
    await inTurn(raced.id);
    await pause(raced.id);
    await next(raced.id);
    const isHeld = () => parts.tree.get(raced.id).session.status === "paused";
    // In the very moment in which it counts as paused, and before that is stored.
    await new Promise<void>((resolve) => {
      const look = () => (isHeld() ? resolve() : setImmediate(look));
      look();
    });
    await parts.requests.cancel(raced.id, undefined, undefined);
    equal((await parts.completion(raced.id)).status, "cancelled");
    equal(parts.scheduler.runningCount, 0);
  });

  it("is not believed to be paused when nobody wanted that", async () => {
    const { id } = await parts.spawn("one");
    await next(id, "lie");
    const { error } = await parts.completion(id);
    deepEqual(error, runError("internal", "the runner paused without being asked to"));
  });

  it("has no more time and turns for having paused", async () => {
    const { id } = await parts.spawn("one", { limits: { timeoutMs: 1_000 } });
    await inTurn(id);
    nowMs += 700;
    await pause(id);
    await next(id);
    await parts.until(id, "paused");
    nowMs += 5_000;
    await resume(id);
    await inTurn(id);
    equal(parts.tree.get(id).held?.turns, 1);
    nowMs += 400;
    const { status, error } = await parts.completion(id);
    equal(status, "timeout");
    equal(error?.message, "Child session timed out after 1 seconds (max_total_secs=1)");
  });

  it("is paused and resumed with its tree", async () => {
    const top = await parts.spawn("top", { autoRun: false });
    const live = await parts.spawn("live", { parentId: top.id });
    await inTurn(live.id);
    const queued = await parts.spawn("queued", { parentId: top.id });
    await pause(top.id, true);
    await next(live.id);
    for (const { id } of [live, queued]) await parts.until(id, "paused");
    equal(parts.tree.show(top.id).status, "created");
    await resume(top.id, true);
    await next(live.id, "last");
    await next(queued.id, "last");
    for (const { id } of [live, queued]) await parts.completion(id);
  });
});

/** The real one, on a scripted model. It asks before it writes: then it is in the middle of a turn. */
describe("the built-in agent", () => {
  checkLeaks();
  let server: ModelServer;
  let daemon: TestDaemon;
  let client: TestClient;
  before(async () => void (server = await startModelServer()));
  after(() => server.close());
  beforeEach(async () => {
    const config: Config = {
      agents: [{ name: "model", runner: { kind: "model" }, model: "scripted/model" }],
      providers: { scripted: { kind: "openai-compatible", baseUrl: server.baseUrl } },
    };
    daemon = startDaemon(config);
    client = await daemon.client();
  });
  afterEach(() => daemon.stop());

  const write = (path: string) => ({
    calls: [{ name: "write_file", input: { path, content: "x\n" } }],
  });
  const messages = () => server.requests.at(-1)?.body.messages ?? [];
  const texts = (role: string) =>
    messages().flatMap((one) => (one.role === role ? [String(one.content)] : []));
  async function allow(nth: number): Promise<void> {
    const asked = await waitFor(() => client.of("approval/requested")[nth], "its question");
    const { id: approvalId } = asked.approval;
    await client.call("approval/respond", { approvalId, decision: "allowOnce" });
  }
  /** Paused after its first turn, of two. */
  async function paused(name: string): Promise<{ id: string; prompt: string }> {
    const prompt = script(name, write("a.txt"), { text: "Both turns are done." });
    const id = await client.shell(prompt, { agent: "model" });
    await until(client, id, "suspended");
    await client.call("session/pause", { sessionId: id });
    equal((await sessionOf(client, id)).status, "suspended", "its turn is not over");
    const before = server.requests.length;
    await allow(0);
    await until(client, id, "paused");
    equal(server.requests.length, before, "no other turn has begun");
    return { id, prompt };
  }

  it("pauses between two turns, and goes on with its conversation as it was", async () => {
    const { id, prompt } = await paused("pause");
    const { running, suspended } = await client.call("daemon/status", {});
    deepEqual([running, suspended], [0, 0]);
    await client.call("session/resume", { sessionId: id });
    const { status, attempt, result } = await client.completion(id);
    deepEqual([status, attempt, result], ["completed", 1, "Both turns are done."]);
    deepEqual(texts("user"), [prompt], "nothing is said to it twice");
    deepEqual(
      messages().map(({ role }) => role),
      ["system", "user", "assistant", "tool"],
    );
    const said = words(client, id).filter((word) => /^(started|completed)$/.test(word));
    deepEqual(said, ["started", "completed"]);
    const turns = (await storedEvents(client, id)).flatMap((event) =>
      event.type === "turn.completed" ? [event.finishReason] : [],
    );
    deepEqual(turns, ["paused", "end_turn"]);
  });

  it("is told what came while it was paused", async () => {
    const { id, prompt } = await paused("messages");
    const { delivery } = await client.call("session/send", { sessionId: id, text: "also this" });
    equal(delivery, "queued");
    await client.call("session/resume", { sessionId: id });
    equal((await client.completion(id)).status, "completed");
    deepEqual(texts("user"), [prompt, "also this"]);
  });

  it("is paused over the death of the core", async () => {
    const { id, prompt } = await paused("death");
    await client.crash();
    await daemon.killCore();
    client = await daemon.client();
    equal((await sessionOf(client, id)).status, "paused");
    await client.call("session/resume", { sessionId: id });
    const { status, result } = await client.completion(id);
    deepEqual([status, result], ["completed", "Both turns are done."]);
    deepEqual(texts("user"), [prompt]);
    deepEqual(
      words(client, id).filter((word) => /^(started|completed)$/.test(word)),
      ["completed"],
    );
  });

  it("gets a message at its next turn, and reads it there", async () => {
    const prompt = script("at once", write("a.txt"), { text: "Done." });
    const id = await client.shell(prompt, { agent: "model" });
    await until(client, id, "suspended");
    const { delivery } = await client.call("session/send", { sessionId: id, text: "also this" });
    equal(delivery, "injected");
    await allow(0);
    equal((await client.completion(id)).result, "Done.");
    deepEqual(texts("user"), [prompt, "also this"]);
    equal(client.of("subAgent/completed").length, 1, "it needed no run of its own");
    const read = await client.call("session/run", { sessionId: id });
    equal(read.session.status, "queued");
    equal((await client.completion(id, 2)).status, "skipped");
  });

  it("is all that has turns: of others it is said", async () => {
    const id = await client.shell("sleep 100");
    await until(client, id, "running");
    const { code, message } = await refusal(client.call("session/pause", { sessionId: id }));
    equal(code, 1003);
    match(message, /works with "shell", which has no turns to pause at: cancel it, or wait$/);
    await client.call("session/cancel", { sessionId: id });
    await client.completion(id);
  });
});
