/** A core that is gone is started by people's programs, never by what was part of its runs. */
import { deepEqual, equal, match, notEqual } from "node:assert/strict";
import { join } from "node:path";
import { Client as McpClient } from "@modelcontextprotocol/sdk/client/index.js";
import { StdioClientTransport } from "@modelcontextprotocol/sdk/client/stdio.js";
import { offshoot, startDaemon, type TestDaemon } from "../support/daemon.ts";
import { processesOf } from "../support/faultProcesses.ts";
import { checkLeaks } from "../support/leaks.ts";
import { repository } from "../support/repository.ts";

describe("a program of a run whose core is gone", () => {
  checkLeaks();
  let daemon: TestDaemon;
  beforeEach(async () => {
    daemon = startDaemon();
    const client = await daemon.client();
    await client.close();
    await daemon.killCore();
  });
  afterEach(() => daemon.stop());

  /** What an agent's programs have of the environment: the marks, and no configuration. */
  const ofRun = () => {
    const { PATH = "", HOME = "", OFFSHOOT_STATE_DIR = "", TMPDIR = "" } = daemon.environment;
    const marks = { OFFSHOOT_RUN: "run", OFFSHOOT_SESSION: "session" };
    return { PATH, HOME, TMPDIR, OFFSHOOT_STATE_DIR, ...marks };
  };
  const cores = () => processesOf(daemon.folder).cores();

  it("does not start another one by a command", async () => {
    const { code, stderr } = await offshoot(["spawn", "true"], ofRun(), daemon.work);
    notEqual(code, 0);
    match(stderr, /No core runs/);
    deepEqual(cores(), []);
  });

  it("does not start another one by a tool", async () => {
    const tools = new McpClient({ name: "agent", version: "1" });
    const main = join(repository, "daemon", "main.ts");
    const env = ofRun();
    const program = { command: process.execPath, args: [main, "mcp"], env, cwd: daemon.work };
    await tools.connect(new StdioClientTransport(program));
    const answer = await tools.callTool({ name: "spawn_agent", arguments: { prompt: "true" } });
    equal(answer.isError, true);
    match(JSON.stringify(answer.content), /No core runs/);
    deepEqual(cores(), []);
    await tools.close();
  });
});
