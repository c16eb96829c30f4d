/** What the agent remembers: over restarts, from a client, and when the conversation gets long. */
import assert from "node:assert/strict";
import { mkdirSync, readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { checkLeaks } from "../support/leaks.ts";
import { plainText, script, startModelServer } from "../support/modelServer.ts";
import type { ModelServer, RequestBody, Step } from "../support/modelServer.ts";
import { newFolder, removeFolders, scripted, startAgent } from "./agentClient.ts";
import type { TestAgent } from "./agentClient.ts";

describe("the built-in agent's memory", () => {
  checkLeaks();
  let server: ModelServer;
  let agent: TestAgent;

  before(async () => {
    server = await startModelServer();
    agent = await startAgent({}, { session: { notices: {} } });
  });
  after(async () => {
    assert.equal(await agent.end(), 0);
    await server.close();
    removeFolders();
  });

  const said = (body: RequestBody | undefined) =>
    (body?.messages ?? []).map(({ role, content }) => `${role}: ${plainText(content)}`);

  it("outlives its process, and is told to the client that loads it", async () => {
    const stateDir = newFolder("state");
    const first = await startAgent();
    const session = await first.open({ meta: scripted(server, { stateDir }) });
    const look = { calls: [{ name: "list_dir", input: {} }], text: "Let me see." };
    const question = script("question", look, { text: "An answer." });
    await session.prompt(question);
    assert.equal(await first.end(), 0);
    assert.deepEqual(readdirSync(stateDir), [`${session.id}.json`]);

    const { providers } = scripted(server);
    const loaded = await agent.open({
      sessionId: session.id,
      cwd: session.cwd,
      meta: { providers, stateDir },
    });
    assert.deepEqual(
      loaded.updates.map((update) => [
        update.sessionUpdate,
        "content" in update && (update.content as { text: string }).text,
      ]),
      [
        ["user_message_chunk", question],
        ["agent_message_chunk", "Let me see."],
        ["agent_message_chunk", "An answer."],
      ],
    );
    await loaded.prompt(script("another", { text: "Another answer." }));
    const body = server.requests.at(-1)?.body;
    assert.equal(body?.model, "model");
    assert.deepEqual(
      body.messages?.map(({ role }) => role),
      ["system", "user", "assistant", "tool", "assistant", "user"],
    );
  });

  it("is what the client gives back, where it has it", async () => {
    const history = [
      { n: 1, role: "user", text: "What is your name?" },
      { n: 2, role: "assistant", text: "I have none." },
    ];
    const meta = scripted(server, { history });
    const session = await agent.open({ sessionId: "from-the-client", meta });
    assert.deepEqual(session.updates, []);
    await session.prompt(script("a client's history", { text: "ok" }));
    assert.deepEqual(said(server.requests.at(-1)?.body).slice(1, 3), [
      "user: What is your name?",
      "assistant: I have none.",
    ]);
  });

  it("has nothing of a session that nobody knows", async () => {
    for (const sessionId of ["unknown", "../../etc/passwd"]) {
      await assert.rejects(agent.open({ sessionId }), /not found/i);
    }
  });

  it("refuses a file that is no session", async () => {
    const stateDir = newFolder("state");
    mkdirSync(stateDir, { recursive: true });
    writeFileSync(join(stateDir, "odd.json"), '{"version":1,"messages":[{"role":"boss"}]}');
    await assert.rejects(agent.open({ sessionId: "odd", meta: { stateDir } }));
  });

  const contextWindow = 20_000;
  const long = (name: string) => ({
    text: `Reading ${name}.`,
    calls: [{ name: "read_file", input: { path: name } }],
    usage: { input: 4_000, output: 10 },
  });
  const openLong = () => {
    const cwd = newFolder("work");
    for (const name of ["a", "b", "c", "d", "e", "f"]) {
      writeFileSync(join(cwd, name), `content of ${name}\n${"words and words\n".repeat(900)}`);
    }
    return agent.open({ cwd, meta: scripted(server, { contextWindow }) });
  };
  const compactions = (session: Awaited<ReturnType<typeof openLong>>) =>
    session.of("notice").flatMap(({ _meta }) => {
      const facts = _meta?.["offshoot"] as { compaction?: Record<string, unknown> };
      return facts.compaction === undefined ? [] : [facts.compaction];
    });
  const sizeOf = (body: RequestBody) => JSON.stringify(body.messages).length / 3.5;

  it("is shortened before the model's window is full, by a summary of the model", async () => {
    const session = await openLong();
    const before = server.requests.length;
    const steps: Step[] = ["a", "b", "c", "d", "e", "f"].map((name) => ({
      ...long(name),
      usage: { input: 0, output: 10 },
    }));
    const end = await session.prompt(script("the task", ...steps, { text: "Finished." }));
    assert.equal(end.stopReason, "end_turn");
    const done = compactions(session);
    assert.ok(done.length > 0);
    for (const { tokensBefore, tokensAfter, by } of done) {
      assert.ok(Number(tokensBefore) > contextWindow * 0.85);
      assert.ok(Number(tokensAfter) <= contextWindow * 0.4);
      assert.equal(by, "summary");
    }
    const bodies = server.requests.slice(before).map(({ body }) => body);
    const summaries = bodies.filter((body) => body.tools === undefined);
    assert.equal(summaries.length, done.length);
    assert.match(JSON.stringify(summaries[0]?.messages), /result of read_file.*content of a/s);
    for (const body of bodies) assert.ok(sizeOf(body) < contextWindow);
    const last = bodies.at(-1);
    assert.match(said(last)[1] ?? "", /^user: the task /);
    assert.match(said(last)[1] ?? "", /There was no script\./);
    assert.match(JSON.stringify(last?.messages?.at(-1)), /content of f/);
    assert.equal(session.calls().length, 6);
  });

  it("is cut mechanically when the model cannot summarise", async () => {
    const session = await openLong();
    await session.prompt(script("hello", { text: "Hello." }));
    // The part that is summarised shows the model this script, so the summary is refused by it.
    const echo = script("echo", { status: 400, errorText: "no summaries" });
    writeFileSync(join(session.cwd, "a"), `${echo}\n${"words and words\n".repeat(900)}`);
    const steps: Step[] = ["a", "b", "c", "d"].map((name) => ({
      ...long(name),
      usage: { input: 0, output: 10 },
    }));
    const task = script("work", ...steps, { text: "Finished." });
    const end = await session.prompt(task);
    assert.equal(end.stopReason, "end_turn");
    assert.deepEqual(
      compactions(session).map(({ by }) => by),
      ["cut"],
    );
    const last = said(server.requests.at(-1)?.body);
    assert.match(last[1] ?? "", /^user: hello /);
    assert.match(last[1] ?? "", /Older turns were removed.*call of read_file: \{"path":"a"\}/s);
    assert.equal(last[2], `user: ${task}`);
  });
});
