/** The packaged form: the bundles and the files that .vscodeignore lets through, and nothing else. */
import assert from "node:assert/strict";
import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import {
  cpSync,
  globSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import {
  createMessageConnection,
  StreamMessageReader,
  StreamMessageWriter,
} from "vscode-jsonrpc/node";
import type { ParamsOf, RequestMethod, ResultOf } from "../../protocol/messages.ts";
import { endCores } from "../support/daemon.ts";
import { checkLeaks } from "../support/leaks.ts";
import { repository, runProgram } from "../support/repository.ts";
import { agentFile } from "../support/runContext.ts";
import { testFolder } from "../support/testFolder.ts";

describe("the packaged form", () => {
  checkLeaks();

  let folder: string;
  before(async () => {
    folder = mkdtempSync(join(testFolder, "package-"));
    const { exitCode, output } = await runProgram("node", [
      "scripts/build.ts",
      join(folder, "dist"),
    ]);
    if (exitCode !== 0) assert.fail(output);
    const allowed = readFileSync(join(repository, ".vscodeignore"), "utf8").matchAll(/^!(.*)$/gm);
    for (const [, pattern = ""] of allowed) {
      if (pattern.startsWith("dist/")) continue;
      const files = globSync(pattern, { cwd: repository });
      assert.ok(
        files.length > 0,
        `.vscodeignore lets ${pattern} through, but there is no such file`,
      );
      for (const file of files) cpSync(join(repository, file), join(folder, file));
    }
  });
  after(() => rmSync(folder, { recursive: true, force: true }));

  it("starts, and knows its version", async () => {
    const { version } = JSON.parse(readFileSync(join(repository, "package.json"), "utf8"));
    const started = await runProgram("node", ["daemon/bin.cjs", "--version"], folder);
    assert.deepEqual(started, { exitCode: 0, output: `${version}\n` });
  });

  it("has all of the database", async () => {
    const script =
      'new (require("sqlite3").Database)(":memory:").get("SELECT 1 AS one", (e, r) => console.log(e ?? r.one))';
    const queried = await runProgram("node", ["-e", script], folder);
    assert.deepEqual(queried, { exitCode: 0, output: "1\n" });
  });

  it("runs sub-agents: a program, the built-in agent, and one that speaks ACP", async () => {
    const work = join(folder, "w");
    mkdirSync(join(work, "area"), { recursive: true });
    writeFileSync(join(work, "area", "tea.txt"), "green\n");
    const front = await startFront(folder, work);
    const run = async (agent: string, prompt: string) => {
      const { session } = await front.call("session/spawn", { agent, prompt, cwd: work });
      await front.call("session/wait", { sessionIds: [session.id], timeoutMs: 50_000 });
      return (await front.call("session/get", { sessionId: session.id })).session;
    };
    try {
      const outcomes = await Promise.all([
        run("shell", "echo hi"),
        run("rehearsal", "Survey this repository."),
        run("acp", JSON.stringify([{ say: "hello" }])),
      ]);
      assert.deepEqual(
        outcomes.map(({ status }) => status),
        ["completed", "completed", "completed"],
        JSON.stringify(outcomes),
      );
      const [program, survey, spoken] = outcomes.map(
        (session) => ("result" in session && session.result) || "",
      );
      assert.deepEqual([program, spoken], ["hi\n", "hello"]);
      assert.match(String(survey), /area/);
    } finally {
      await front.close();
      await endCores();
    }
  });

  it("has its sub-agent tools", async () => {
    const params = {
      protocolVersion: "2025-06-18",
      capabilities: {},
      clientInfo: { name: "test", version: "1" },
    };
    const input = `${JSON.stringify({ jsonrpc: "2.0", id: 1, method: "initialize", params })}\n`;
    const { stdout, stderr } = spawnSync(process.execPath, ["daemon/bin.cjs", "mcp"], {
      cwd: folder,
      env: environmentIn(folder),
      input,
      encoding: "utf8",
      timeout: 15_000,
    });
    assert.match(stdout, /"serverInfo":\{"name":"offshoot"/, stderr);
    await endCores();
  });

  it("has an extension that is quick to load: little of it, and no zod", async function () {
    const file = join(folder, "dist", "extension.cjs");
    const code = readFileSync(file, "utf8");
    assert.ok(code.length < 300_000, `${code.length} characters`);
    assert.doesNotMatch(code, /Zod[A-Z]/);
    const { exitCode, output } = await runProgram("node", ["-e", loadWithoutEditor, file]);
    assert.equal(exitCode, 0, output);
    // Told, and not checked: machines differ.
    if (this.test !== undefined) this.test.title += ` (loaded in ${output.trim()} ms)`;
  });

  it("says what to do when a part of it is missing", async () => {
    rmSync(join(folder, "dist"), { recursive: true });
    const { exitCode, output } = await runProgram("node", ["daemon/bin.cjs", "--version"], folder);
    assert.equal(exitCode, 1);
    assert.match(
      output,
      /A part of offshoot is missing: run "npm ci" in its folder, or install it again\.\n$/,
    );
  });
});

/** Prints how many milliseconds a module takes to load, with something in the editor's place. */
const loadWithoutEditor = `
const Module = require("node:module");
const load = Module._load;
const anything = new Proxy(function () {}, {
  get: (_, key) => (key === Symbol.toPrimitive ? () => "" : anything),
  apply: () => anything,
  construct: () => anything,
  getPrototypeOf: () => anything,
});
Module._load = (name, ...more) => (name === "vscode" ? anything : load(name, ...more));
const before = performance.now();
require(process.argv[1]);
console.log(Math.round(performance.now() - before));
`;

/** Everything that it makes lies in the folder. */
function environmentIn(folder: string): NodeJS.ProcessEnv {
  const config = join(folder, "config.json");
  const command = { command: process.execPath, args: [agentFile("acp-agent.mjs")] };
  const agents = [{ name: "acp", runner: { kind: "acp", ...command } }];
  writeFileSync(config, JSON.stringify({ permissions: { mode: "auto" }, agents }));
  const state = join(folder, "s");
  const own = { HOME: folder, TMPDIR: folder, OFFSHOOT_CONFIG: config, OFFSHOOT_STATE_DIR: state };
  return { ...process.env, ...own };
}

interface Front {
  call<M extends RequestMethod>(method: M, params: ParamsOf<M>): Promise<ResultOf<M>>;
  close(): Promise<void>;
}

/** A front as an editor starts it: it starts the core. */
async function startFront(folder: string, work: string): Promise<Front> {
  const child = spawn(process.execPath, ["daemon/bin.cjs", "--stdio"], {
    cwd: folder,
    env: environmentIn(folder),
    stdio: ["pipe", "pipe", "inherit"],
  });
  const ended = once(child, "exit");
  const connection = createMessageConnection(
    new StreamMessageReader(child.stdout),
    new StreamMessageWriter(child.stdin),
  );
  // A front that ends answers nothing any more.
  child.once("exit", () => connection.dispose());
  connection.listen();
  await connection.sendRequest("initialize", {
    processId: process.pid,
    capabilities: {},
    workspaceFolders: [{ uri: `file://${work}`, name: "w" }],
    initializationOptions: { offshoot: { clientName: "test" } },
  });
  await connection.sendNotification("initialized", {});
  return {
    call: (method, params) => connection.sendRequest(method, params),
    async close() {
      await connection.sendRequest("shutdown");
      await connection.sendNotification("exit");
      await ended;
    },
  };
}
