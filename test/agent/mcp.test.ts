/** Tools of real MCP servers, over stdio and HTTP, in the hands of the agent. */
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import type { McpServer } from "@agentclientprotocol/sdk";
import { checkLeaks } from "../support/leaks.ts";
import { script, startModelServer } from "../support/modelServer.ts";
import type { ModelServer } from "../support/modelServer.ts";
import { waitFor } from "../support/waitFor.ts";
import { allow, isRunning, newFolder, removeFolders, scripted, startAgent } from "./agentClient.ts";
import type { TestAgent, TestSession } from "./agentClient.ts";

const program = join(import.meta.dirname, "tinyMcp.ts");

describe("the built-in agent's MCP servers", () => {
  checkLeaks();
  let server: ModelServer;
  let agent: TestAgent;
  let words = 0;

  before(async () => {
    server = await startModelServer();
    agent = await startAgent(
      { ANTHROPIC_API_KEY: "sk-ant-very-secret-1" },
      { session: { notices: {} } },
    );
  });
  after(async () => {
    assert.equal(await agent.end(), 0);
    await server.close();
    removeFolders();
  });

  const tiny = (starts: string, name = "tiny"): McpServer => ({
    name,
    command: process.execPath,
    args: [program],
    env: [{ name: "STARTS", value: starts }],
  });
  const linesOf = (file: string) =>
    existsSync(file) ? readFileSync(file, "utf8").trim().split("\n") : [];
  const call = async (session: TestSession, name: string, input: unknown = {}) => {
    words += 1;
    await session.prompt(script(`mcp ${words}`, { calls: [{ name, input }] }, { text: "ok" }));
    const { status, rawOutput, title } = session.calls().at(-1) ?? {};
    return { status, text: String(rawOutput), title };
  };
  const auto = () => ({ ...scripted(server), permissions: { mode: "auto" } });

  it("give tools with a prefix, which are asked for", async () => {
    const cwd = newFolder("work");
    const mcpServers = [tiny(join(cwd, "starts"), "my tiny")];
    const session = await agent.open({
      cwd,
      mcpServers,
      meta: scripted(server),
      permission: async () => allow(),
    });
    const echo = await call(session, "mcp__my_tiny__echo", { words: "hello" });
    assert.deepEqual(echo, { status: "completed", text: "hello", title: "my tiny: echo" });
    assert.deepEqual(
      session.asked.map(({ toolCall }) => [toolCall.name, toolCall.kind]),
      [["mcp__my_tiny__echo", "other"]],
    );
    const fail = await call(session, "mcp__my_tiny__fail");
    assert.deepEqual([fail.status, fail.text], ["failed", "it broke"]);
    const wrong = await call(session, "mcp__my_tiny__echo", { word: 1 });
    assert.equal(wrong.status, "failed");
    assert.match(wrong.text, /words/);
    assert.doesNotMatch((await call(session, "mcp__my_tiny__env")).text, /very-secret/);
    await session.close();
  });

  it("give their tools without a prefix, and unasked, when they are Offshoot's own", async () => {
    const cwd = newFolder("work");
    const mcpServers = [tiny(join(cwd, "starts"), "offshoot")];
    const session = await agent.open({ cwd, mcpServers, meta: scripted(server) });
    const echo = await call(session, "echo", { words: "hello" });
    assert.deepEqual([echo.status, echo.text], ["completed", "hello"]);
    await session.close();
  });

  it("are started only when they are used, when they are Offshoot's own and were seen", async () => {
    const cwd = newFolder("work");
    // Bound to its session by its environment, and otherwise the same.
    const open = (name: string) =>
      agent.open({ cwd, mcpServers: [tiny(join(cwd, name), "offshoot")], meta: auto() });
    const first = await open("one");
    await call(first, "echo", { words: "a" });
    const second = await open("two");
    assert.equal((await call(second, "list_dir")).status, "completed");
    assert.deepEqual(linesOf(join(cwd, "two")), []);
    assert.equal((await call(second, "echo", { words: "b" })).text, "b");
    const [pid] = linesOf(join(cwd, "two"));
    assert.equal(linesOf(join(cwd, "one")).length, 1);
    await Promise.all([first.close(), second.close()]);
    assert.equal(isRunning(Number(pid)), false);
  });

  it("are shared within one tree only, and start with what the client gives", async () => {
    const cwd = newFolder("work");
    const starts = join(cwd, "starts");
    const open = (tree: string) =>
      agent.open({
        cwd,
        mcpServers: [tiny(starts)],
        meta: { ...auto(), tree, serverEnvironment: { TEA: "green" } },
      });
    const sessions = await Promise.all([open("a"), open("a"), open("b")]);
    for (const session of sessions) {
      const { text } = await call(session, "mcp__tiny__env");
      const { TEA, PATH } = JSON.parse(text) as Record<string, string>;
      assert.deepEqual([TEA, PATH], ["green", undefined]);
    }
    assert.equal(linesOf(starts).length, 2);
    await Promise.all(sessions.map((session) => session.close()));
  });

  it("are shared by equal definitions and end with the last session", async () => {
    const cwd = newFolder("work");
    const starts = join(cwd, "starts");
    const options = { cwd, mcpServers: [tiny(starts)], meta: auto() };
    const sessions = await Promise.all([agent.open(options), agent.open(options)]);
    const [first, second] = sessions;
    await Promise.all(sessions.map((session) => call(session, "mcp__tiny__echo", { words: "a" })));
    assert.equal(linesOf(starts).length, 1);
    const pid = Number(linesOf(starts)[0]);
    await first.close();
    assert.equal((await call(second, "mcp__tiny__echo", { words: "b" })).text, "b");
    assert.equal(isRunning(pid), true);
    await second.close();
    assert.equal(isRunning(pid), false);
  });

  it("are started again when they have died", async () => {
    const cwd = newFolder("work");
    const starts = join(cwd, "starts");
    const session = await agent.open({ cwd, mcpServers: [tiny(starts)], meta: auto() });
    await call(session, "mcp__tiny__exit");
    const pid = Number(linesOf(starts)[0]);
    await waitFor(() => !isRunning(pid), "the server to die");
    const echo = await waitFor(async () => {
      const { text } = await call(session, "mcp__tiny__echo", { words: "again" });
      return text === "again" && text;
    }, "a server that answers");
    assert.equal(echo, "again");
    assert.equal(linesOf(starts).length, 2);
    await session.close();
  });

  it("are told when a call is cancelled", async () => {
    const cwd = newFolder("work");
    const starts = join(cwd, "starts");
    const session = await agent.open({ cwd, mcpServers: [tiny(starts)], meta: auto() });
    const calls = [{ name: "mcp__tiny__wait", input: {} }];
    const prompt = session.prompt(script("wait for ever", { calls }));
    await waitFor(() => linesOf(starts).includes("waiting"), "the call");
    await session.cancel();
    assert.equal((await prompt).stopReason, "cancelled");
    await waitFor(() => linesOf(starts).includes("aborted"), "the server to be told");
    await session.close();
  });

  it("that do not start are named, and the prompt goes on", async () => {
    const broken = { name: "broken", command: process.execPath, env: [] };
    const mcpServers = [
      { ...broken, args: ["-e", "console.error('out of tea'); process.exit(1)"] },
    ];
    const session = await agent.open({ mcpServers, meta: auto() });
    const end = await session.prompt(script("no server", { text: "So be it." }));
    assert.equal(end.stopReason, "end_turn");
    const [notice] = session.of("notice");
    assert.equal(notice?.severity, "warning");
    assert.match(notice?.title ?? "", /^MCP server broken: .*out of tea/s);
    await session.close();
  });

  it("that never answer hold up neither a cancel nor an end", async () => {
    const cwd = newFolder("work");
    const pidFile = join(cwd, "pid");
    const code =
      "fs.writeFileSync(process.argv[1], String(process.pid)); setInterval(() => 0, 1e6)";
    const mute = { name: "mute", command: process.execPath, args: ["-e", code, pidFile], env: [] };
    const session = await agent.open({ cwd, mcpServers: [mute], meta: auto() });
    const prompt = session.prompt(script("mute", { text: "never" }));
    const pid = await waitFor(() => Number(linesOf(pidFile)[0]), "the server to start");
    await session.cancel();
    assert.equal((await prompt).stopReason, "cancelled");
    await session.close();
    assert.equal(isRunning(pid), false);
  });

  it("are reached over HTTP, with headers", async () => {
    const http = spawn(process.execPath, [program, "http"], {
      stdio: ["ignore", "pipe", "inherit"],
    });
    const [port] = (await once(http.stdout, "data")) as [Buffer];
    const mcpServers: McpServer[] = [
      {
        type: "http",
        name: "web",
        url: `http://127.0.0.1:${port.toString().trim()}/mcp`,
        headers: [{ name: "authorization", value: "Bearer tea" }],
      },
    ];
    const session = await agent.open({ mcpServers, meta: auto() });
    const echo = await call(session, "mcp__web__echo", { words: "hello" });
    assert.deepEqual([echo.status, echo.text], ["completed", "hello Bearer tea"]);
    await session.close();
    http.kill();
    await once(http, "exit");
  });
});
