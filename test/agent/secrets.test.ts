/** Keys of providers stay where they are: in the environment of the agent's process. */
import assert from "node:assert/strict";
import { globSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { checkLeaks } from "../support/leaks.ts";
import { script, startModelServer } from "../support/modelServer.ts";
import type { ModelServer } from "../support/modelServer.ts";
import { removeFolders, scripted, startAgent } from "./agentClient.ts";
import type { TestAgent } from "./agentClient.ts";

const keys = { ANTHROPIC_API_KEY: "sk-ant-very-secret-1", HIDDEN_TOKEN: "another-secret-2" };

describe("the built-in agent's keys", () => {
  checkLeaks();
  let server: ModelServer;
  let agent: TestAgent;

  before(async () => {
    server = await startModelServer();
    agent = await startAgent({ ...keys, OFFSHOOT_RUN: "run-1", HARMLESS: "yes" });
  });
  after(async () => {
    await agent.end();
    await server.close();
    removeFolders();
  });

  const isClean = (text: string) => Object.values(keys).every((key) => !text.includes(key));

  it("are in no command's environment", async () => {
    const meta = { ...scripted(server), permissions: { mode: "auto" } };
    const providers = {
      ...meta.providers,
      hidden: { kind: "openai-compatible", baseUrl: server.baseUrl, apiKeyEnv: "HIDDEN_TOKEN" },
    };
    const outputOf = async (words: string, more: object) => {
      const session = await agent.open({ meta: { ...meta, providers, ...more } });
      const command = { name: "run_command", input: { command: "env" } };
      await session.prompt(script(words, { calls: [command] }, { text: "ok" }));
      return String(session.calls()[0]?.rawOutput);
    };
    const inherited = await outputOf("inherited", {});
    assert.match(inherited, /^OFFSHOOT_RUN=run-1$/m);
    assert.match(inherited, /^HARMLESS=yes$/m);
    assert.doesNotMatch(inherited, /ANTHROPIC_API_KEY|HIDDEN_TOKEN/);
    const given = await outputOf("given", { environment: { OFFSHOOT_RUN: "run-2" } });
    assert.match(given, /^OFFSHOOT_RUN=run-2$/m);
    assert.doesNotMatch(given, /HARMLESS|ANTHROPIC_API_KEY|HIDDEN_TOKEN/);
  });

  it("are taken from the client before the environment, and told to nobody else", async () => {
    const apiKey = "given-by-the-client-3";
    const session = await agent.open({ meta: { ...scripted(server), apiKey } });
    await session.prompt(script("echo", { text: `It is ${apiKey}.` }));
    assert.equal(server.requests.at(-1)?.headers["authorization"], `Bearer ${apiKey}`);
    assert.equal(session.text(), "It is [redacted].");
  });

  it("are found also where they come in pieces", async () => {
    const meta = { ...scripted(server), permissions: { mode: "auto" } };
    const session = await agent.open({ meta });
    const said = `It is ${keys.ANTHROPIC_API_KEY}, or sk-an`;
    await session.prompt(script("in pieces", { thought: said, text: said, deltas: said.length }));
    assert.equal(session.text(), "It is [redacted], or sk-an");
    const before = agent.stdout().length;
    const command = "printf 'It is sk-ant-very'; sleep 0.7; echo -secret-1";
    const call = { name: "run_command", input: { command } };
    await session.prompt(script("slowly", { calls: [call] }, { text: "ok" }));
    assert.match(String(session.calls().at(-1)?.rawOutput), /It is \[redacted\]/);
    const told = agent.stdout().slice(before).replaceAll(JSON.stringify(command).slice(1, -1), "");
    assert.match(told, /It is /);
    assert.doesNotMatch(told, /sk-ant/);
  });

  it("are cut out of results, errors and files", async () => {
    const meta = { ...scripted(server), permissions: { mode: "auto" } };
    const session = await agent.open({ meta });
    const [key] = Object.values(keys);
    writeFileSync(join(session.cwd, ".env"), `KEY=${key}\n`);
    const read = { name: "read_file", input: { path: ".env" } };
    await session.prompt(script("read it", { calls: [read] }, { text: `It is ${key}.` }));
    assert.equal(session.calls()[0]?.rawOutput, "1\tKEY=[redacted]");
    assert.equal(session.text(), "It is [redacted].");
    const refusal = { status: 401, errorText: `Incorrect API key provided: ${key}` };
    await assert.rejects(session.prompt(script("fail", refusal)), (error: Error) => {
      assert.match(error.message, /provided: \[redacted\]/);
      return isClean(JSON.stringify(error) + error.message);
    });
    assert.ok(isClean(agent.stdout() + agent.stderr()));
    const files = globSync("**/*.json", { cwd: agent.stateDir });
    assert.ok(files.length > 0);
    for (const file of files) assert.ok(isClean(readFileSync(join(agent.stateDir, file), "utf8")));
    const sent = server.requests.slice(1).map(({ body }) => JSON.stringify(body.messages));
    // What the model itself said goes back to it as it was; what tools found does not.
    assert.ok(sent.every((text) => !text.includes(`KEY=${key}`)));
  });
});
