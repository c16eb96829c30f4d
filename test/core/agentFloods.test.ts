/** Outside agents over ACP that flood, lie, come too late or multiply: the core bears them. */
import { deepEqual, equal, ok } from "node:assert/strict";
import { existsSync, mkdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import type { AgentProfile } from "../../protocol/config.ts";
import type { AgentEvent } from "../../protocol/events.ts";
import type { Completion } from "../../protocol/messages.ts";
import { startDaemon, type TestClient, type TestDaemon } from "../support/daemon.ts";
import { processesOf as allProcesses } from "../support/faultProcesses.ts";
import { checkLeaks } from "../support/leaks.ts";
import { agentFile } from "../support/runContext.ts";
import { processesOf, sessionOf, until } from "../support/runs.ts";
import { waitFor } from "../support/waitFor.ts";

const acp = (name: string, setUp: object): AgentProfile => ({
  name,
  runner: {
    kind: "acp",
    command: process.execPath,
    args: [agentFile("acp-agent.mjs"), JSON.stringify(setUp)],
  },
});
const chunk = (text: string) => ({
  sessionUpdate: "agent_message_chunk",
  content: { type: "text", text },
});
const subAgent = (sessionId: string, state: string) => ({
  sessionUpdate: "subagent_update",
  sessionId,
  title: sessionId,
  state: { state, ...(state === "idle" && { stopReason: "end_turn" }) },
});
const permission = (n: number) => ({
  toolCall: {
    toolCallId: `t${n}`,
    title: `x ${n}`,
    kind: "execute",
    rawInput: { command: `x ${n}` },
  },
  options: [{ optionId: "1", name: "Yes", kind: "allow_once" }],
});
const repeated = (count: number, step: (n: number) => object) =>
  Array.from({ length: count }, (_, n) => step(n));

describe("an agent that floods the core", () => {
  checkLeaks();
  let daemon: TestDaemon;
  let client: TestClient;
  let places = 0;
  before(async () => {
    daemon = startDaemon({
      agents: [
        acp("acp", {}),
        acp("late", { afterCancel: repeated(50, () => ({ say: "too late " })) }),
      ],
    });
    client = await daemon.client({ subscribe: "lifecycle" });
  });
  after(() => daemon.stop());

  async function spawn(steps: object[], agent = "acp"): Promise<string> {
    const cwd = join(daemon.work, `place-${(places += 1)}`);
    mkdirSync(cwd);
    const params = { agent, prompt: JSON.stringify(steps), cwd, title: "flood" };
    return (await client.call("session/spawn", params)).session.id;
  }

  /** Its completion, and how many requests of others the core has answered before. */
  async function completionAmongOthers(id: string): Promise<Completion & { answered: number }> {
    const isOver = () =>
      client.of("subAgent/completed").some(({ childSessionId }) => childSessionId === id);
    let answered = 0;
    while (!isOver()) {
      await client.call("session/get", { sessionId: id });
      answered += 1;
    }
    return { ...(await client.completion(id)), answered };
  }

  async function eventsOf(id: string): Promise<AgentEvent[]> {
    const all: AgentEvent[] = [];
    for (let after = 0; ;) {
      const page = await client.call("session/events", { sessionId: id, after, limit: 1000 });
      all.push(...page.events.map(({ event }) => event));
      const last = page.events.at(-1)?.seq;
      if (last === undefined || last >= page.lastSeq) return all;
      after = last;
    }
  }
  const peakMb = async () => {
    const { pid } = await client.call("daemon/status", {});
    return Number(/VmHWM:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1]) / 1000;
  };

  it("with 10,000 updates at once loses none and holds up nobody", async () => {
    const id = await spawn([{ many: 10_000, size: 20 }]);
    const { status, answered } = await completionAmongOthers(id);
    equal(status, "completed");
    ok(answered > 10, `only ${answered} requests were answered meanwhile`);
    const events = await eventsOf(id);
    equal(events.filter(({ type }) => type === "message.delta").length, 10_000);
  });

  it("with 100 MB of text costs bounded memory, and is kept", async () => {
    const id = await spawn([{ many: 100, size: 1_000_000 }]);
    const { status, answered } = await completionAmongOthers(id);
    equal(status, "completed");
    ok(answered > 10, `only ${answered} requests were answered meanwhile`);
    ok((await peakMb()) < 500, `the core took ${await peakMb()} MB`);
  });

  it("with 2,000 sub-agents, one below the other, is shown and ends with all of them", async () => {
    // Each is announced in the session of the one before.
    const id = await spawn(
      repeated(2_000, (n) => ({
        ...(n > 0 && { session: `sub-${n - 1}` }),
        update: subAgent(`sub-${n}`, "running"),
      })),
    );
    const { status, answered } = await completionAmongOthers(id);
    equal(status, "completed");
    ok(answered > 10, `only ${answered} requests were answered meanwhile`);
    const { rootId } = await sessionOf(client, id);
    const { running, suspended } = await client.call("daemon/status", {});
    deepEqual([running, suspended], [0, 0]);
    const open = await client.call("session/list", { rootId, status: ["running", "suspended"] });
    deepEqual(open.sessions, []);
    const { sessions } = await client.call("session/list", { rootId, limit: 1000 });
    equal(Math.max(...sessions.map(({ depth }) => depth)), 100, "no tree is deeper");
    const { deleted } = await client.call("session/delete", { sessionId: id });
    equal(deleted, 2_001);
  });

  it("with 3,000 sub-agents side by side is shown, and ends with all of them", async () => {
    const id = await spawn(repeated(3_000, (n) => ({ update: subAgent(`flat-${n}`, "running") })));
    const { status, answered } = await completionAmongOthers(id);
    equal(status, "completed");
    ok(answered > 10, `only ${answered} requests were answered meanwhile`);
    equal((await client.call("session/delete", { sessionId: id })).deleted, 3_001);
  });

  it("with 1,000 questions at once is asked for all of them, and they end with it", async () => {
    const id = await spawn([
      ...repeated(1_000, (n) => ({
        request: "session/request_permission",
        params: permission(n),
        withoutWaiting: true,
      })),
      { hang: true },
    ]);
    const listed = async () => (await client.call("approval/list", {})).approvals;
    await waitFor(async () => (await listed()).length === 1_000, "all questions");
    await client.call("session/cancel", { sessionId: id });
    equal((await client.completion(id)).status, "cancelled");
    deepEqual(await listed(), []);
    const resolved = () => client.of("approval/resolved").length;
    await waitFor(() => resolved() === 1_000, "all ends to be told", { describe: resolved });
  });

  it("after its cancel changes nothing any more", async () => {
    const id = await spawn([{ say: "begun" }, { hang: true }], "late");
    await waitFor(async () => (await sessionOf(client, id)).lastSeq >= 2, "it to begin");
    await client.call("session/cancel", { sessionId: id });
    const { status, completionSeq } = await client.completion(id);
    equal(status, "cancelled");
    const { lastSeq, version } = await sessionOf(client, id);
    await client.call("session/cancel", { sessionId: id });
    const after = await sessionOf(client, id);
    deepEqual([after.lastSeq, after.version], [lastSeq, version]);
    const all = client.of("subAgent/completed").filter((one) => one.childSessionId === id);
    deepEqual(
      all.map((one) => one.completionSeq),
      [completionSeq],
    );
  });

  it("with updates of sessions that nobody knows takes them for its own", async () => {
    const id = await spawn([
      { session: "nobody's", update: chunk("lost ") },
      { session: "nobody's either", update: { sessionUpdate: "tool_call", toolCallId: "1" } },
      { say: "found" },
    ]);
    equal((await client.completion(id)).status, "completed");
  });

  it("with processes that hand over to new ones all the time is ended whole", async () => {
    // Each starts one other and exits, so there are never many, and it ends by itself in the end.
    const chain =
      "trap '' TERM; f() { [ $1 -gt 0 ] || return; sleep 0.01; f $(($1 - 1)) & }; f 2000 & f 2000 & : > started";
    const id = await spawn([{ start: ["sh", "-c", chain], detached: true }, { hang: true }]);
    const { runId, cwd } = await until(client, id, "running");
    await waitFor(() => existsSync(join(cwd, "started")), "the processes");
    await client.call("session/cancel", { sessionId: id });
    equal((await client.completion(id)).status, "cancelled");
    deepEqual(processesOf(runId), []);
    deepEqual(allProcesses(daemon.folder).marked(), []);
  });
});
