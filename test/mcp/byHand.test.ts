/** The sub-agent tools as any MCP host starts them: the SDK's client, stdio, a real core. */
import { deepEqual, equal, match, ok } from "node:assert/strict";
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { isAlive, startDaemon, type TestClient, type TestDaemon } from "../support/daemon.ts";
import { checkLeaks } from "../support/leaks.ts";
import { startMcpHost, type McpHost } from "../support/mcpHost.ts";
import { gate, sessionOf, until } from "../support/runs.ts";
import { waitFor } from "../support/waitFor.ts";

describe("the sub-agent tools by hand", () => {
  checkLeaks();
  let daemon: TestDaemon;
  let client: TestClient;
  let host: McpHost;
  before(async () => {
    daemon = startDaemon({ concurrency: { total: 4, perRoot: 4 } });
    client = await daemon.client();
    host = await startMcpHost(daemon.environment, daemon.work);
  });
  after(async () => {
    await host.close();
    await daemon.stop();
  });

  async function spawn(prompt: string, more: Record<string, unknown> = {}): Promise<string> {
    const { data, text } = await host.call("spawn_agent", { prompt, ...more });
    ok(data.agent, text);
    return data.agent.id;
  }

  it("has the names that models know, with described input and output", async () => {
    const { tools } = await host.client.listTools();
    deepEqual(
      tools.map(({ name }) => name),
      ["spawn_agent", "send_message", "wait_agent", "list_agents", "cancel_agent"],
    );
    for (const { name, description, inputSchema, outputSchema } of tools) {
      ok((description ?? "").length > 60, name);
      for (const [field, schema] of Object.entries(inputSchema.properties ?? {})) {
        equal(typeof schema, "object", `${name}.${field}`);
      }
      equal(outputSchema?.type, "object", name);
    }
    deepEqual(tools[0]?.inputSchema.required, ["prompt"]);
    ok(host.client.getInstructions()?.includes("wait_agent"));
  });

  it("spawns under the root of its folder, waits, and gives the result as text and data", async () => {
    const beside = await client.shell("echo beside");
    const spawned = await host.call("spawn_agent", { prompt: "echo hello", title: "Greeter" });
    const { agent, hint } = spawned.data;
    ok(agent);
    match(spawned.text, /"Greeter" \(shell\) (queued|running|completed)/);
    match(hint ?? "call wait_agent", /wait_agent/);
    ok(agent.id.endsWith(agent.shortId) && agent.shortId.length === 8);
    const session = await sessionOf(client, agent.id);
    equal(session.parentId, (await sessionOf(client, beside)).parentId);

    const waited = await host.call("wait_agent", { ids: [agent.shortId] });
    deepEqual(waited.data, {
      agents: [
        {
          id: agent.id,
          shortId: agent.shortId,
          title: "Greeter",
          agent: "shell",
          status: "completed",
          finished: true,
          result: "hello\n",
        },
      ],
      pending: [],
    });
    match(waited.text, /<result>\nhello\n<\/result>/);
  });

  it("waits in the same call where it is told to", async () => {
    const { data } = await host.call("spawn_agent", { prompt: "echo at once", wait: true });
    deepEqual([data.agent?.status, data.agent?.result], ["completed", "at once\n"]);
    equal(data.hint, undefined);
    const held = gate(daemon.work);
    const early = await host.call("spawn_agent", { prompt: held.wait, wait: 0 });
    equal(early.data.agent?.finished, false);
    held.open();
    await host.call("wait_agent");
  });

  it("runs in the folder and with the limits that were asked for", async () => {
    mkdirSync(join(daemon.work, "inner"));
    const limits = { timeoutMs: 60_000, maxChildren: 2 };
    const id = await spawn("pwd", { cwd: "inner", limits });
    const session = await sessionOf(client, id);
    equal(session.cwd, join(daemon.work, "inner"));
    deepEqual([session.limits.timeoutMs, session.limits.maxChildren], [60_000, 2]);
    await host.call("wait_agent", { ids: [id] });
  });

  it("answers with the states so far, and can be called again", async () => {
    const held = gate(daemon.work);
    const [slow, quick] = [await spawn(held.wait), await spawn("echo quick")];
    await held.reached();
    const any = await host.call("wait_agent", { ids: [slow, quick], until: "any" });
    deepEqual(any.data.pending, [slow]);
    const first = await host.call("wait_agent", { ids: [slow, quick], timeoutSeconds: 0 });
    deepEqual(
      first.data.agents?.map(({ status }) => status),
      ["running", "completed"],
    );
    match(first.data.hint ?? "", /1 of 2 sub-agents have not ended; call wait_agent again/);
    held.open();
    const second = await host.call("wait_agent", { ids: [slow, quick] });
    deepEqual(second.data.pending, []);
  });

  it("never waits longer than a host is patient, whatever it is asked for", async () => {
    const hurried = await startMcpHost(daemon.environment, daemon.work, { LONGEST_WAIT_MS: "50" });
    const held = gate(daemon.work);
    const id = await spawn(held.wait);
    for (const input of [{}, { timeoutSeconds: 3600 }]) {
      const { data } = await hurried.call("wait_agent", { ids: [id], ...input });
      deepEqual(data.pending, [id]);
    }
    const spawned = await hurried.call("spawn_agent", { prompt: held.wait, wait: 3600 });
    equal(spawned.data.agent?.finished, false);
    held.open();
    await hurried.close();
    await host.call("wait_agent");
  });

  it("waits without ids for all that work, and for ends that were not told yet", async () => {
    // What has ended when the spawn is answered was told by that.
    const held = gate(daemon.work);
    const ended = await spawn(`${held.wait}; echo ended`);
    held.open();
    await client.completion(ended);
    const { data } = await host.call("wait_agent");
    deepEqual(
      data.agents?.map(({ id, result }) => [id, result]),
      [[ended, "ended\n"]],
    );
    const again = await host.call("wait_agent");
    deepEqual([again.data.agents, again.data.pending], [[], []]);
    match(again.text, /name one by its id/);
  });

  it("stops waiting at the first that fails", async () => {
    const held = gate(daemon.work);
    const failing = gate(daemon.work);
    const slow = await spawn(held.wait);
    const bad = await spawn(`${failing.wait}; echo half; exit 3`);
    failing.open();
    const { data, text } = await host.call("wait_agent", { until: "firstError" });
    deepEqual(data.pending, [slow]);
    const failed = data.agents?.find(({ id }) => id === bad);
    deepEqual([failed?.status, failed?.result], ["error", "half\n"]);
    match(failed?.detail ?? "", /3/);
    ok(text.includes(failed?.detail ?? "?"));
    held.open();
    await host.call("wait_agent");
  });

  it("cuts results to what hosts take, and says so", async () => {
    const big = "head -c 16000 /dev/zero | tr '\\0' x";
    const ids = [];
    for (let n = 0; n < 6; n += 1) ids.push(await spawn(big));
    const all = await host.call("wait_agent", { ids });
    deepEqual(
      all.data.agents?.map(({ result, resultIsCut }) => [result?.length, resultIsCut]),
      ids.map(() => [10_000, true]),
    );
    const alone = await host.call("wait_agent", { ids: ids.slice(0, 1) });
    equal(alone.data.agents?.[0]?.result?.length, 16_000);
  });

  it("lists its sub-agents and what can be spawned", async () => {
    const held = gate(daemon.work);
    const id = await spawn(held.wait, { title: "Held" });
    await until(client, id, "running");
    const { data, text } = await host.call("list_agents");
    deepEqual([data.subAgents?.[0]?.id, data.subAgents?.[0]?.status], [id, "running"]);
    ok(data.subAgents?.every((one) => !("result" in one)));
    match(text, /- shell: Runs the prompt as a shell command\./);
    held.open();
    await host.call("wait_agent");
  });

  it("sends a message that starts a finished sub-agent again, and cancels", async () => {
    const id = await spawn("echo first", { wait: true });
    const sent = await host.call("send_message", { id: id.slice(-8), message: "echo second" });
    equal(sent.data.delivery, "run");
    match(sent.text, /wait_agent/);
    const { data } = await host.call("wait_agent", { ids: [id] });
    equal(data.agents?.[0]?.result, "second\n");

    const held = gate(daemon.work);
    const endless = await spawn(held.wait);
    await held.reached();
    await host.call("cancel_agent", { id: endless, reason: "no longer needed" });
    const ended = await host.call("wait_agent", { ids: [endless] });
    equal(ended.data.agents?.[0]?.status, "cancelled");
    held.open();
  });

  const faults: [what: string, tool: string, input: Record<string, unknown>, says: RegExp][] = [
    ["an unknown agent", "spawn_agent", { prompt: "x", agent: "nobody" }, /there are: .*shell/],
    ["a folder that is not there", "spawn_agent", { prompt: "x", cwd: "nowhere" }, /Name a folder/],
    ["no prompt", "spawn_agent", {}, /prompt/],
    ["an unknown id", "wait_agent", { ids: ["nothing"] }, /no sub-agent .* there are: .*"/],
    ["an empty id", "cancel_agent", { id: "" }, /id/],
    ["an unknown tool", "fly", {}, /fly/],
  ];
  for (const [what, tool, input, says] of faults) {
    it(`answers ${what} with an error that a model can act on`, async () => {
      const { text, isError } = await host.call(tool, input);
      ok(isError, text);
      match(text, says);
    });
  }

  it("says what to do about a limit", async () => {
    daemon.configure({ queue: { perRoot: 1, total: 1 }, concurrency: { total: 1, perRoot: 1 } });
    const held = gate(daemon.work);
    await waitFor(
      async () => (await client.call("daemon/status", {})).limits.queue.total === 1,
      "the new bound",
    );
    await spawn(held.wait);
    await held.reached();
    await spawn("echo queued");
    const { text, isError } = await host.call("spawn_agent", { prompt: "echo too many" });
    ok(isError);
    match(text, /Call wait_agent until some have ended/);
    held.open();
    await host.call("wait_agent");
    daemon.configure({ concurrency: { total: 4, perRoot: 4 } });
  });

  it("holds no connection while no tool is at work", async () => {
    await host.call("list_agents");
    const clients = async () => (await client.call("daemon/status", {})).clients;
    await waitFor(async () => (await clients()) === 1, "the test's own client to be alone");
  });

  it("stops waiting when the host takes its call back", async () => {
    const held = gate(daemon.work);
    const id = await spawn(held.wait);
    const call = new AbortController();
    const params = { name: "wait_agent", arguments: { ids: [id] } };
    const options = { signal: call.signal };
    const waiting = host.client.callTool(params, undefined, options).catch((error: Error) => error);
    const clients = async () => (await client.call("daemon/status", {})).clients;
    await waitFor(async () => (await clients()) === 2, "the wait to have reached the core");
    call.abort();
    ok((await waiting) instanceof Error);
    await waitFor(async () => (await clients()) === 1, "its connection to be gone");
    held.open();
    await host.call("wait_agent");
  });

  it("leaves nothing when its host goes away under a wait", async () => {
    const other = await startMcpHost(daemon.environment, daemon.work);
    const held = gate(daemon.work);
    const id = await spawn(held.wait);
    await held.reached();
    const waiting = other.call("wait_agent", { ids: [id] }).catch((error: Error) => error);
    await waitFor(
      async () => (await client.call("daemon/status", {})).clients === 2,
      "the wait to have reached the core",
    );
    await other.close();
    ok((await waiting) instanceof Error);
    await waitFor(() => !isAlive(other.pid), "the server to be gone");
    await waitFor(
      async () => (await client.call("daemon/status", {})).clients === 1,
      "its connection to be gone",
    );
    equal((await sessionOf(client, id)).status, "running");
    held.open();
    await client.completion(id);
  });
});

describe("the sub-agent tools when the core dies", () => {
  checkLeaks();
  let daemon: TestDaemon;
  let client: TestClient;
  let host: McpHost;
  before(async () => {
    daemon = startDaemon();
    client = await daemon.client();
    host = await startMcpHost(daemon.environment, daemon.work);
  });
  after(async () => {
    await host.close();
    await daemon.corePid();
    await daemon.stop();
  });

  it("goes on with the next core, between calls and under a wait", async () => {
    const { data } = await host.call("spawn_agent", { prompt: "echo before", wait: true });
    equal(data.agent?.result, "before\n");
    await daemon.killCore();
    const listed = await host.call("list_agents");
    equal(listed.data.subAgents?.[0]?.id, data.agent?.id, listed.text);

    const held = gate(daemon.work);
    const spawned = await host.call("spawn_agent", { prompt: held.wait });
    await held.reached();
    const waiting = host.call("wait_agent");
    await waitFor(
      async () => (await client.call("daemon/status", {})).clients === 2,
      "the wait to have reached the core",
    );
    await daemon.killCore();
    const waited = await waiting;
    const [interrupted] = waited.data.agents ?? [];
    deepEqual(
      [interrupted?.id, interrupted?.status, interrupted?.detail],
      [spawned.data.agent?.id, "interrupted", "Interrupted: the core ended while this ran"],
      waited.text,
    );
    held.open();
  });
});
