import assert from "node:assert/strict";
import { CancellationTokenSource, LanguageModelTextPart, lm } from "vscode";
import { waitFor } from "../../support/waitFor.ts";
import { reached, sessions } from "./host.ts";

describe("the tools for the editor's own agent", () => {
  const source = new CancellationTokenSource();
  after(() => source.dispose());

  /** What the editor's agent would be told. The editor itself says yes where it would ask. */
  async function invoke(
    name: string,
    input: object,
    token = new CancellationTokenSource().token,
  ): Promise<string> {
    const { content } = await lm.invokeTool(name, { input, toolInvocationToken: undefined }, token);
    return content
      .map((part) => (part instanceof LanguageModelTextPart ? part.value : ""))
      .join("");
  }

  /** Spawns by the tool, and answers the id that it tells. */
  async function spawned(prompt: string): Promise<string> {
    const text = await invoke("offshoot_spawn", { prompt, title: "By a tool" });
    const id = /\[id ([^\]]+)\]/.exec(text)?.[1];
    assert.ok(id, text);
    return id;
  }

  it("are the five that there should be", () => {
    const ours = lm.tools.map(({ name }) => name).filter((name) => name.startsWith("offshoot_"));
    assert.deepEqual(
      ours.sort(),
      ["cancel", "list", "send", "spawn", "wait"].map((name) => `offshoot_${name}`),
    );
  });

  it("spawn, and wait for the result", async () => {
    const id = await spawned("echo made by a tool");
    assert.equal((await sessions()).find((one) => one.id === id)?.title, "By a tool");
    assert.match(await invoke("offshoot_wait", { ids: [id] }), /completed.*made by a tool/s);
  });

  it("list what there is, and which agents can be spawned", async () => {
    const id = await spawned("sleep 1000");
    await reached(id, "running");
    const text = await invoke("offshoot_list", {});
    assert.ok(text.includes(id), text);
    assert.match(text, /^- shell: /m);
    await invoke("offshoot_cancel", { id });
  });

  it("cancel", async () => {
    const id = await spawned("sleep 1000");
    await reached(id, "running");
    await invoke("offshoot_cancel", { id, reason: "not needed" });
    assert.match(await invoke("offshoot_wait", { ids: [id] }), /cancelled/);
    await reached(id, "cancelled");
  });

  it("send a message, which is a new run of one that has ended", async () => {
    const id = await spawned("echo first");
    await invoke("offshoot_wait", { ids: [id] });
    assert.match(await invoke("offshoot_send", { id, message: "echo second" }), /^run: /);
    assert.match(await invoke("offshoot_wait", { ids: [id] }), /<result>\nsecond\n/);
  });

  it("wait no longer than somebody waits for it", async () => {
    const id = await spawned("sleep 1000");
    const waiting = invoke("offshoot_wait", { ids: [id] }, source.token);
    await reached(id, "running");
    source.cancel();
    await assert.rejects(waiting);
    await invoke("offshoot_cancel", { id });
    await reached(id, "cancelled");
  });

  it("say in words what was wrong", async () => {
    const unknown = invoke("offshoot_cancel", { id: "nobody" });
    await assert.rejects(unknown, /no sub-agent has the id "nobody"; offshoot_list shows the ids/);
    await assert.rejects(invoke("offshoot_spawn", { prompt: 7 }), /wrong input|prompt/);
    await waitFor(async () => (await sessions()).length > 0, "the daemon to be there still");
  });
});
