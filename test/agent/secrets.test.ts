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

  it("are in no command's environment, and marks are", async () => {
    const meta = { ...scripted(server), permissions: { mode: "auto" } };
    const providers = {
      ...meta.providers,
      hidden: { kind: "openai-compatible", baseUrl: server.baseUrl, apiKeyEnv: "HIDDEN_TOKEN" },
    };
    const environment = { OFFSHOOT_SESSION: "session-1" };
    const session = await agent.open({ meta: { ...meta, providers, environment } });
    const command = { name: "run_command", input: { command: "env" } };
    await session.prompt(script("environment", { calls: [command] }, { text: "ok" }));
    const output = String(session.calls()[0]?.rawOutput);
    assert.match(output, /^OFFSHOOT_RUN=run-1$/m);
    assert.match(output, /^OFFSHOOT_SESSION=session-1$/m);
    assert.match(output, /^HARMLESS=yes$/m);
    assert.doesNotMatch(output, /ANTHROPIC_API_KEY|HIDDEN_TOKEN/);
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
