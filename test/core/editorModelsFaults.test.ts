/** Clients that lend models and then do not behave: silent, gone, too loud, too late, or wrong. */
import { deepEqual, equal, match, ok } from "node:assert/strict";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { startDaemon, type TestClient, type TestDaemon } from "../support/daemon.ts";
import { checkLeaks } from "../support/leaks.ts";
import { rawFront, type RawClient, type WireMessage } from "../support/rawClient.ts";
import { waitFor } from "../support/waitFor.ts";

const model = "vscode/copilot/gpt-x";

describe("a client that lends models and does not behave", () => {
  checkLeaks();
  let daemon: TestDaemon;
  let client: TestClient;
  let editors: RawClient[] = [];
  beforeEach(async () => {
    daemon = startDaemon({
      permissions: { mode: "auto" },
      cancel: { termAfterMs: 5_000, killAfterMs: 5_000 },
      agents: [
        { name: "once", runner: { kind: "model" }, restart: { policy: "never" } },
        { name: "again", runner: { kind: "model" }, restart: { backoffMs: 10 } },
      ],
    });
    client = await daemon.client();
  });
  afterEach(async () => {
    await Promise.all(editors.map((editor) => editor.destroy()));
    editors = [];
    await daemon.stop();
  });

  async function open(): Promise<RawClient> {
    const editor = rawFront(daemon);
    editors.push(editor);
    await editor.open();
    await editor.call("model/offer", { models: [{ id: "copilot/gpt-x", name: "GPT X" }] });
    return editor;
  }
  const spawn = async (agent: string, more: object = {}) =>
    (
      await client.call("session/spawn", {
        ...{ prompt: "Think.", agent, model, cwd: daemon.work },
        ...more,
      })
    ).session.id;
  async function question(editor: RawClient, place = 0): Promise<WireMessage> {
    const asked = () => editor.received.filter(({ method }) => method === "model/complete");
    await waitFor(() => asked().length > place, `question ${place} to the editor`);
    return asked()[place] ?? {};
  }
  const say = (editor: RawClient, { params }: WireMessage, ...texts: string[]) => {
    for (const text of texts) {
      const part = { type: "text", text };
      editor.notify("model/part", { requestId: params.requestId, part });
    }
  };
  const answer = (editor: RawClient, { id }: WireMessage, result: unknown = {}) =>
    editor.send({ jsonrpc: "2.0", id, result });

  it("never answers: the run's own time ends it, and it hears so", async () => {
    const editor = await open();
    // Long enough for a busy machine to start an agent host and ask.
    const id = await spawn("once", { limits: { idleTimeoutMs: 6_000 } });
    const asked = await question(editor);
    const { status, error } = await client.completion(id);
    equal(status, "timeout");
    match(error?.message ?? "", /idle timeout/);
    const cancelled = () => editor.of("$/cancelRequest").map((params) => params.id);
    await waitFor(() => cancelled().length > 0, "the cancel");
    deepEqual(cancelled(), [asked.id]);
  });

  it("dies in the middle of a turn: the next attempt asks another one that lends the same", async () => {
    const first = await open();
    const id = await spawn("again");
    const asked = await question(first);
    say(first, asked, "Half a ");
    const second = await open();
    // The one that offered last is asked from now on, and the first is still at work.
    await first.destroy();
    const again = await question(second);
    say(second, again, "Whole.");
    answer(second, again, { inputTokens: 1, outputTokens: 1 });
    const { status, result, attempt } = await client.completion(id);
    deepEqual([status, result, attempt], ["completed", "Whole.", 2]);
  });

  it("is a window that reloads between two turns: the next turn waits for it", async () => {
    const first = await open();
    const id = await spawn("once");
    const asked = await question(first);
    const input = { command: "until [ -e go ]; do sleep 0.05; done" };
    const call = { type: "toolCall", toolUseId: "t1", name: "run_command", input };
    first.notify("model/part", { requestId: asked.params.requestId, part: call });
    answer(first, asked);
    await waitFor(
      () => client.of("subAgent/event").some(({ event }) => event.type === "tool.started"),
      "the tool to begin",
    );
    await first.destroy();
    writeFileSync(join(daemon.work, "go"), "");
    await waitFor(
      () => client.of("subAgent/event").some(({ event }) => event.type === "tool.completed"),
      "the tool to have ended",
    );
    const second = await open();
    const next = await question(second);
    say(second, next, "Back again.");
    answer(second, next);
    const { status, result, attempt } = await client.completion(id);
    deepEqual([status, result, attempt], ["completed", "Back again.", 1]);
  });

  it("is waited for no longer than until somebody cancels", async () => {
    const editor = await open();
    await editor.destroy();
    const id = await spawn("once");
    await waitFor(
      async () =>
        (await client.call("session/get", { sessionId: id })).session.status === "running",
      "the run to begin",
    );
    await client.call("session/cancel", { sessionId: id });
    equal((await client.completion(id)).status, "cancelled");
  });

  it("withdraws its models in the middle of a turn: that turn is still its own", async () => {
    const editor = await open();
    const id = await spawn("once");
    const asked = await question(editor);
    await editor.call("model/offer", { models: [] });
    say(editor, asked, "Still here.");
    answer(editor, asked);
    equal((await client.completion(id)).result, "Still here.");
  });

  it("floods parts: all of them count, in their order, and others are answered meanwhile", async () => {
    const editor = await open();
    const id = await spawn("once");
    const asked = await question(editor);
    const texts = Array.from({ length: 20_000 }, (_, n) => `${n} `);
    say(editor, asked, ...texts);
    answer(editor, asked, { inputTokens: 3, outputTokens: 20_000 });
    const isOver = () =>
      client.of("subAgent/completed").some(({ childSessionId }) => childSessionId === id);
    let meanwhile = 0;
    while (!isOver()) {
      await client.call("session/get", { sessionId: id });
      if (!isOver()) meanwhile += 1;
    }
    ok(meanwhile > 0, "no other request was answered before the flood was over");
    const said = client
      .of("subAgent/event")
      .map(({ event }) => (event.type === "message.delta" ? event.text : ""));
    equal(said.join(""), texts.join(""));
    const { pid } = await client.call("daemon/status", {});
    const memory = readFileSync(`/proc/${pid}/status`, "utf8");
    const peakMb = Number(/VmHWM:\s+(\d+)/.exec(memory)?.[1]) / 1000;
    ok(peakMb < 400, `the core took ${peakMb} MB`);
  });

  it("answers twice, and speaks on after its answer: the first answer counts", async () => {
    const editor = await open();
    const id = await spawn("once");
    const asked = await question(editor);
    say(editor, asked, "First.");
    answer(editor, asked, { inputTokens: 5, outputTokens: 5 });
    answer(editor, asked, { inputTokens: 70, outputTokens: 70 });
    say(editor, asked, " Late.");
    editor.send({ jsonrpc: "2.0", id: asked.id, error: { code: 1, message: "no" } });
    const { status, result, usage } = await client.completion(id);
    deepEqual([status, usage.inputTokens, usage.turns], ["completed", 5, 1]);
    match(result ?? "", /^First\./);
    answer(editor, { id: "an id of nobody" });
    equal((await editor.call("daemon/status")).health, "ok");
  });

  it("speaks for another one: its parts are nobody's", async () => {
    const editor = await open();
    const id = await spawn("once");
    const asked = await question(editor);
    const stranger = await open();
    say(stranger, asked, "Evil. ");
    await stranger.call("daemon/status");
    answer(stranger, asked, { inputTokens: 1_000_000, outputTokens: 1 });
    await stranger.call("daemon/status");
    say(editor, asked, "Good.");
    answer(editor, asked, { inputTokens: 1, outputTokens: 1 });
    const { result, usage } = await client.completion(id);
    deepEqual([result, usage.inputTokens], ["Good.", 1]);
  });

  it("sends what is no part and no answer: the run says what was wrong", async () => {
    const editor = await open();
    const id = await spawn("once");
    const asked = await question(editor);
    const { requestId } = asked.params;
    for (const part of [null, 7, { type: "text" }, { type: "song", text: "la" }]) {
      editor.notify("model/part", { requestId, part });
    }
    editor.notify("model/part", null);
    answer(editor, asked, { inputTokens: "many" });
    const { status, error } = await client.completion(id);
    deepEqual([status, error?.code], ["error", "protocol_error"]);
    match(error?.message ?? "", /answered model\/complete wrongly/);
    equal((await editor.call("daemon/status")).health, "ok");
  });
});
