/** Outside agents over ACP through the whole core: real processes, the real wire, a scripted agent. */
import { deepEqual, equal, match, ok } from "node:assert/strict";
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { Client as McpClient } from "@modelcontextprotocol/sdk/client/index.js";
import { StdioClientTransport } from "@modelcontextprotocol/sdk/client/stdio.js";
import type { AgentProfile } from "../../protocol/config.ts";
import type { AgentEvent } from "../../protocol/events.ts";
import type { ParamsOf } from "../../protocol/messages.ts";
import type { Received } from "../support/acpRun.ts";
import { startDaemon, type TestClient, type TestDaemon } from "../support/daemon.ts";
import { checkLeaks } from "../support/leaks.ts";
import { agentFile } from "../support/runContext.ts";
import { outcome, processesOf, sessionOf, storedEvents, until } from "../support/runs.ts";
import { waitFor } from "../support/waitFor.ts";

/** An agent of the configuration; `setUp` as in agents/acp-agent.mjs. */
const scripted = (name: string, setUp: object, more: Partial<AgentProfile> = {}): AgentProfile => ({
  name,
  runner: {
    kind: "acp",
    command: process.execPath,
    args: [agentFile("acp-agent.mjs"), JSON.stringify(setUp)],
  },
  ...more,
});

const modes = {
  currentModeId: "default",
  availableModes: ["default", "plan"].map((id) => ({ id, name: id })),
};
const chunk = (text: string) => ({
  sessionUpdate: "agent_message_chunk",
  content: { type: "text", text },
});
const subAgent = (state: object) => ({
  sessionUpdate: "subagent_update",
  sessionId: "sub-1",
  title: "Looks",
  description: "Look around.",
  state,
});
/** What the agent wants to be allowed: alwaysFirst shows that options go by their kind. */
const permission = {
  toolCall: {
    toolCallId: "t1",
    title: "Run `rm x`",
    kind: "execute",
    status: "pending",
    rawInput: { command: "rm x" },
  },
  options: [
    { optionId: "1", name: "Always", kind: "allow_always" },
    { optionId: "2", name: "Yes", kind: "allow_once" },
    { optionId: "3", name: "No", kind: "reject_once" },
  ],
};

describe("an outside agent in the core", () => {
  checkLeaks();
  let daemon: TestDaemon;
  let client: TestClient;
  let places = 0;

  before("start a daemon", async () => {
    daemon = startDaemon({
      agents: [
        scripted("plain", {}),
        scripted("loading", { capabilities: { loadSession: true } }, { onHostRestart: "resume" }),
        scripted("modal", { newSession: { result: { sessionId: "session-1", modes } } }),
        scripted("mcp", { newSession: { result: { sessionId: "session-1" } } }),
      ],
    });
    client = await daemon.client();
  });
  after("stop it", () => daemon.stop());

  interface Spawned {
    id: string;
    cwd: string;
    /** What the agent received, in its order. */
    received(method?: string): Received[];
  }

  /** Each in a folder of its own, in which its agent keeps what it receives. */
  async function spawn(
    agent: string,
    steps: object[] | ((cwd: string) => object[]),
    more: Partial<ParamsOf<"session/spawn">> = {},
  ): Promise<Spawned> {
    const cwd = join(daemon.work, `place-${(places += 1)}`);
    mkdirSync(cwd);
    const prompt = JSON.stringify(typeof steps === "function" ? steps(cwd) : steps);
    const params = { agent, prompt, cwd, ...more };
    const { session } = await client.call("session/spawn", params);
    return {
      id: session.id,
      cwd,
      received(method) {
        const file = join(cwd, "received.jsonl");
        if (!existsSync(file)) return [];
        const lines = readFileSync(file, "utf8").trim().split("\n");
        const all = lines.map((line) => JSON.parse(line) as Received);
        return method === undefined ? all : all.filter((one) => one.method === method);
      },
    };
  }

  /** The agent asks for a file of its folder again and again until it is there. */
  const untilThere = (cwd: string) => ({
    request: "fs/read_text_file",
    params: { path: join(cwd, "go") },
    until: '"content":"open',
  });
  const open = ({ cwd }: Spawned) => writeFileSync(join(cwd, "go"), "open");

  async function ofType<Type extends AgentEvent["type"]>(id: string, type: Type) {
    const events = await storedEvents(client, id);
    return events.filter((event) => event.type === type) as Extract<AgentEvent, { type: Type }>[];
  }

  it("runs in the tree by its name, and tells what it said and used", async () => {
    const { id, cwd, received } = await spawn("plain", [
      { say: "Half, " },
      { say: "whole." },
      {
        update: {
          sessionUpdate: "usage_update",
          used: 1,
          size: 9,
          cost: { amount: 0.25, currency: "USD" },
        },
      },
      {
        answer: {
          stopReason: "end_turn",
          usage: { inputTokens: 7, outputTokens: 5, totalTokens: 12 },
        },
      },
    ]);
    const { status, result, usage } = await client.completion(id);
    deepEqual([status, result], ["completed", "Half, whole."]);
    const used = { inputTokens: 7, outputTokens: 5, cachedInputTokens: 0, costUsd: 0.25 };
    deepEqual(usage, { ...used, turns: 1, toolCalls: 0 });
    const session = await sessionOf(client, id);
    deepEqual([session.kind, session.runner, session.agent], ["child", "acp", "plain"]);
    const root = await sessionOf(client, session.rootId);
    deepEqual([root.treeUsage.inputTokens, root.treeUsage.costUsd], [7, 0.25]);
    equal(received("session/new")[0]?.params?.["cwd"], cwd);
    deepEqual(processesOf(session.status === "completed" ? session.runId : ""), []);
  });

  it("asks, is answered over the wire, and goes on", async () => {
    const { id } = await spawn("plain", [
      { request: "session/request_permission", params: permission },
      { sayAnswer: "last" },
    ]);
    const asked = () =>
      client.of("approval/requested").find(({ approval }) => approval.sessionId === id);
    const { approval } = await waitFor(asked, "the question");
    deepEqual(
      [approval.kind, approval.title, approval.input, approval.path.at(-1)?.id],
      ["execute", "Run `rm x`", { command: "rm x" }, id],
    );
    const suspended = await until(client, id, "suspended");
    deepEqual(suspended.waitingFor, { kind: "approval", ids: [approval.id] });
    const other = await daemon.client({ subscribe: "nothing" });
    await other.call("approval/respond", { approvalId: approval.id, decision: "allowOnce" });
    await other.close();
    const { status, result } = await client.completion(id);
    deepEqual([status, result], ["completed", '{"outcome":{"outcome":"selected","optionId":"2"}}']);
  });

  it("is cancelled together with a process that it has sent away", async () => {
    const { id } = await spawn("plain", [
      { start: ["sleep", "1000"], detached: true },
      { hang: true },
    ]);
    const { runId } = await until(client, id, "running");
    await waitFor(() => processesOf(runId).length >= 2, "the agent and its process");
    await client.call("session/cancel", { sessionId: id });
    const { status } = await client.completion(id);
    equal(status, "cancelled");
    deepEqual(processesOf(runId), []);
  });

  it("shows the sub-agents that it announces as children of its session", async () => {
    const { id } = await spawn("plain", [
      { update: subAgent({ state: "running" }) },
      { session: "sub-1", update: chunk("I see.") },
      { update: subAgent({ state: "idle", stopReason: "end_turn" }) },
      { say: "Seen." },
    ]);
    equal((await client.completion(id)).result, "Seen.");
    const { sessions } = await client.call("session/list", { parentId: id });
    equal(sessions.length, 1);
    const [child] = sessions;
    ok(child?.status === "completed");
    deepEqual([child.adopted, child.title, child.result], [true, "Looks", "I see."]);
  });

  it("says so when all that came of a turn looks like an error", async () => {
    const { id } = await spawn("plain", [{ say: "API Error: 500 internal server error" }]);
    equal((await client.completion(id)).status, "completed");
    const notes = await ofType(id, "note");
    deepEqual(
      notes.map(({ level }) => level),
      ["warning"],
    );
    match(notes[0]?.text ?? "", /looks like an error: API Error: 500/);
  });

  it("gives its session a title where nobody else did", async () => {
    const titled = { update: { sessionUpdate: "session_info_update", title: "Tidies\nthe house" } };
    const free = await spawn("plain", [titled]);
    const given = await spawn("plain", [titled], { title: "mine" });
    const renamed = await spawn("plain", (cwd) => [untilThere(cwd), titled]);
    await client.call("session/rename", { sessionId: renamed.id, title: "yours" });
    open(renamed);
    for (const { id } of [free, given, renamed]) await client.completion(id);
    deepEqual(
      await Promise.all(
        [free, given, renamed].map(async ({ id }) => (await sessionOf(client, id)).title),
      ),
      ["Tidies", "mine", "yours"],
    );
  });

  it("is put into the strictest mode on its way from the root", async () => {
    const plan = { overrides: { permissions: { mode: "plan" as const } } };
    const chosen = async (more: object) => {
      const { id, received } = await spawn("modal", [], more);
      await client.completion(id);
      return received("session/set_mode").map(({ params }) => params?.["modeId"]);
    };
    deepEqual(await chosen(plan), ["plan"]);
    deepEqual(await chosen({}), []);
    const parent = await spawn("plain", [], plan);
    await client.completion(parent.id);
    deepEqual(await chosen({ parentId: parent.id }), ["plan"]);
  });

  it("gets the sub-agent tools, which spawn below its session", async () => {
    const agent = await spawn("mcp", (cwd) => [untilThere(cwd), { say: "Done." }]);
    await waitFor(() => agent.received("session/prompt").length > 0, "the prompt");
    const [opened] = agent.received("session/new");
    const servers = opened?.params?.["mcpServers"] as {
      name: string;
      command: string;
      args: string[];
      env: { name: string; value: string }[];
    }[];
    deepEqual(
      servers.map(({ name }) => name),
      ["offshoot"],
    );
    const [server] = servers;
    ok(server);
    const { command, args, env } = server;
    const variables = Object.fromEntries(env.map(({ name, value }) => [name, value]));
    const tools = new McpClient({ name: "agent", version: "1" });
    const { PATH = "", HOME = "" } = daemon.environment;
    await tools.connect(
      new StdioClientTransport({
        command,
        args,
        env: { PATH, HOME, ...variables },
        cwd: agent.cwd,
      }),
    );
    const spawning = tools.callTool({
      name: "spawn_agent",
      arguments: { prompt: "echo below", agent: "shell" },
    });
    // A child gets no more than its parent: what that has to ask for, it asks for here.
    const { approval } = await waitFor(
      () => client.of("approval/requested").find((one) => one.approval.sessionId === agent.id),
      "the question",
    );
    deepEqual([approval.toolName, approval.input], ["run_command", { command: "echo below" }]);
    await client.call("approval/respond", { approvalId: approval.id, decision: "allowOnce" });
    await spawning;
    const [child] = (await client.call("session/list", { parentId: agent.id })).sessions;
    ok(child);
    deepEqual([child.agent, child.depth], ["shell", 2]);
    equal((await client.completion(child.id)).result, "below\n");
    await tools.close();
    open(agent);
    equal((await client.completion(agent.id)).result, "Done.");
  });

  it("goes on with its own session after the core has died, and in a later run", async () => {
    const agent = await spawn("loading", (cwd) => [untilThere(cwd), { say: "Here again." }]);
    await waitFor(() => agent.received("session/prompt").length > 0, "the prompt");
    await daemon.killCore();
    await waitFor(() => agent.received("session/load").length === 1, "the agent to be loaded", {
      describe: () => agent.received().map(({ method }) => method),
    });
    open(agent);
    const { status, result } = await client.completion(agent.id);
    deepEqual([status, result], ["completed", "Here again."]);
    deepEqual(agent.received("session/new").length, 1);

    const text = JSON.stringify([{ say: "And again." }]);
    const sent = await client.call("session/send", { sessionId: agent.id, text });
    equal(sent.delivery, "run");
    equal((await client.completion(agent.id, 2)).result, "And again.");
    const loads = agent.received("session/load").map(({ params }) => params?.["sessionId"]);
    deepEqual(loads, ["session-1", "session-1"]);
  });

  it("that is known and not installed says how to get it", async () => {
    const { agents } = await client.call("agent/list", {});
    const missing = agents.find(({ available, runner }) => runner === "acp" && !available);
    ok(missing, "no machine has all of them");
    match(missing.reason ?? "", /^Install /);
    const { id } = await spawn(missing.name, []);
    const [status, code, message] = outcome(await client.completion(id));
    deepEqual([status, code], ["error", "command_not_found"]);
    ok(message?.endsWith(missing.reason ?? "-"), message);
  });
});
