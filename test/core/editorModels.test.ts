/** Models that a client lends: a real core and its agent host, and a client that plays the editor. */
import { deepEqual, equal, match, ok } from "node:assert/strict";
import { startDaemon, type TestClient, type TestDaemon } from "../support/daemon.ts";
import { checkLeaks } from "../support/leaks.ts";
import { rawFront, type RawClient, type WireMessage } from "../support/rawClient.ts";
import { waitFor } from "../support/waitFor.ts";

describe("the models of an editor", () => {
  checkLeaks();
  let daemon: TestDaemon;
  let client: TestClient;
  let editor: RawClient;
  beforeEach(async () => {
    daemon = startDaemon({ permissions: { mode: "auto" } });
    client = await daemon.client();
    editor = rawFront(daemon);
    await editor.open();
    await editor.call("model/offer", { models: [{ id: "copilot/gpt-x", name: "GPT X" }] });
  });
  afterEach(async () => {
    await editor.destroy();
    await daemon.stop();
  });

  const spawn = async (prompt: string, model = "vscode/copilot/gpt-x") =>
    (await client.call("session/spawn", { prompt, agent: "model", model, cwd: daemon.work }))
      .session.id;
  const questions = () => editor.received.filter(({ method }) => method === "model/complete");

  async function question(place: number): Promise<WireMessage> {
    await waitFor(() => questions().length > place, `question ${place} to the editor`);
    return questions()[place] ?? {};
  }

  function say({ params }: WireMessage, ...parts: object[]): void {
    for (const part of parts) editor.notify("model/part", { requestId: params.requestId, part });
  }

  it("answer turns, call tools, and count what they used", async () => {
    const id = await spawn("List the folder.");
    const first = await question(0);
    equal(first.params.model, "copilot/gpt-x");
    deepEqual(first.params.messages, [
      { role: "user", parts: [{ type: "text", text: "List the folder." }] },
    ]);
    ok(first.params.instructions.length > 100);
    ok(first.params.tools.some(({ name }: { name: string }) => name === "list_dir"));
    const call = { type: "toolCall", toolUseId: "t1", name: "list_dir", input: { path: "." } };
    say(first, { type: "text", text: "I " }, { type: "text", text: "look." }, call);
    editor.send({ jsonrpc: "2.0", id: first.id, result: { inputTokens: 100, outputTokens: 7 } });

    const second = await question(1);
    const [, assistant, answer] = second.params.messages;
    deepEqual(assistant, {
      role: "assistant",
      parts: [{ type: "text", text: "I look." }, call],
    });
    deepEqual([answer.role, answer.parts[0].toolUseId], ["user", "t1"]);
    const words = Array.from({ length: 200 }, (_, n) => ({ type: "text", text: `${n} ` }));
    say(second, ...words);
    editor.send({ jsonrpc: "2.0", id: second.id, result: { inputTokens: 1, outputTokens: 2 } });

    const completion = await client.completion(id);
    equal(completion.status, "completed");
    equal(
      completion.result?.trim(),
      words
        .map(({ text }) => text)
        .join("")
        .trim(),
    );
    const { inputTokens, outputTokens, turns } = completion.usage;
    deepEqual([inputTokens, outputTokens, turns], [101, 9, 2]);
    equal(client.of("session/changed").at(-1)?.session.model, "vscode/copilot/gpt-x");
  });

  it("are cancelled with the run, and the editor hears of it", async () => {
    const id = await spawn("Think for long.");
    const asked = await question(0);
    say(asked, { type: "text", text: "Well" });
    await client.call("session/cancel", { sessionId: id });
    equal((await client.completion(id)).status, "cancelled");
    const cancelled = () => editor.of("$/cancelRequest").map((params) => params.id);
    await waitFor(() => cancelled().length > 0, "the cancel");
    deepEqual(cancelled(), [asked.id]);
    // Too late: nobody waits for it, and nothing breaks.
    editor.send({ jsonrpc: "2.0", id: asked.id, result: {} });
    equal((await editor.call("daemon/status")).health, "ok");
  });

  it("say why they cannot: refused, gone with the window, or never offered", async () => {
    daemon.configure({
      agents: [{ name: "once", runner: { kind: "model" }, restart: { policy: "never" } }],
    });
    const once = async (model: string) =>
      (await client.call("session/spawn", { prompt: "x", agent: "once", model, cwd: daemon.work }))
        .session.id;
    const unknown = await client.completion(await once("vscode/none"));
    match(unknown.error?.message ?? "", /no connected window offers the model vscode\/none.*gpt-x/);
    equal(unknown.error?.retryable, false);

    const refused = await once("vscode/copilot/gpt-x");
    const asked = await question(0);
    const error = { code: -32000, message: "the person said no" };
    editor.send({ jsonrpc: "2.0", id: asked.id, error });
    match((await client.completion(refused)).error?.message ?? "", /the person said no/);

    const left = await once("vscode/copilot/gpt-x");
    await question(1);
    await editor.destroy();
    const gone = await client.completion(left);
    match(gone.error?.message ?? "", /the window whose model answered was closed/);
    equal(gone.error?.code, "network");
  });

  it("are offered again to the next core, and so are the keys", async () => {
    await editor.call("daemon/setApiKeys", { apiKeys: { anthropic: "sk-1", openai: "sk-2" } });
    await editor.call("daemon/setApiKeys", { apiKeys: { openai: null } });
    await client.crash();
    await daemon.killCore();
    client = await daemon.client();
    await waitFor(async () => {
      const { agents } = await client.call("agent/list", {});
      return agents.length > 0;
    }, "the next core");
    const id = await spawn("Again.");
    const asked = await question(0);
    say(asked, { type: "text", text: "Here." });
    editor.send({ jsonrpc: "2.0", id: asked.id, result: {} });
    equal((await client.completion(id)).result, "Here.");
  });
});
