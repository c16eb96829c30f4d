/** Budgets of trees of the built-in agent, and of agents that end with their last turn. */
import { deepEqual, equal, match, ok } from "node:assert/strict";
import type { AgentProfile } from "../../protocol/config.ts";
import type { Session } from "../../protocol/session.ts";
import { checkLeaks } from "../support/leaks.ts";
import { startModelDaemon, type ModelDaemon } from "../support/modelDaemon.ts";
import { script } from "../support/modelServer.ts";
import { agentFile } from "../support/runContext.ts";
import { outcome, sessionOf } from "../support/runs.ts";
import { waitFor } from "../support/waitFor.ts";

const look = { name: "list_dir", input: {} };
const auto = { overrides: { permissions: { mode: "auto" } } } as const;
const usage = { input: 80, output: 20, cost: 0.5 };
const child = (prompt: string, more: object = {}) => ({
  name: "spawn_agent",
  input: { prompt, agent: "scripted", wait: true, ...more },
});

describe("budgets of agents at work", () => {
  checkLeaks();
  let house: ModelDaemon;
  before(async () => void (house = await startModelDaemon()));
  before("add other agents", () => {
    const acp = (name: string, setUp: object): AgentProfile => ({
      name,
      runner: {
        kind: "acp",
        command: process.execPath,
        args: [agentFile("acp-agent.mjs"), JSON.stringify(setUp)],
      },
    });
    house.daemon.configure({
      providers: {
        scripted: { kind: "openai-compatible", baseUrl: house.server.baseUrl },
      },
      concurrency: { total: 20, perRoot: 20 },
      agents: [
        { name: "scripted", model: "scripted/model", runner: { kind: "model" } },
        acp("acp", { staysOpen: true }),
      ],
    });
  });
  after(() => house.stop());

  const childrenOf = async (parentId: string): Promise<Session[]> =>
    (await house.client.call("session/list", { parentId })).sessions;

  it("of tokens and money count for the tree, over nested children, and are not exceeded by more", async () => {
    const grandchild = script("spends at depth 3", { text: "Deep.", usage });
    const below = script(
      "spends at depth 2",
      { calls: [child(grandchild)], usage },
      { text: "Mid.", usage },
    );
    const id = await house.spawn(
      script("spends at depth 1", { calls: [child(below)], usage }, { text: "Top.", usage }),
      auto,
    );
    equal((await house.client.completion(id)).result, "Top.");
    const top = await sessionOf(house.client, id);
    deepEqual([top.usage.turns, top.usage.costUsd, top.usage.inputTokens], [2, 1, 160]);
    deepEqual(
      [top.treeUsage.turns, top.treeUsage.costUsd, top.treeUsage.inputTokens],
      [5, 2.5, 400],
    );
    const [mid] = await childrenOf(id);
    deepEqual([mid?.treeUsage.turns, mid?.treeUsage.costUsd], [3, 1.5]);
  });

  it("give a child no more than is left, whatever it asks for, and end the tree together", async () => {
    const spends = script(
      "asks for more than there is",
      { calls: [look], usage },
      { calls: [look], usage },
      { text: "never", usage },
    );
    const wide = { limits: { maxTokens: 1_000_000, maxCostUsd: 1_000 } };
    const id = await house.spawn(
      script("has little", { calls: [child(spends, wide)], usage }, { text: "never" }),
      { ...auto, limits: { maxTokens: 300, maxCostUsd: 10 } },
    );
    const { status, error } = await house.client.completion(id);
    deepEqual([status, error?.code], ["error", "budget_exceeded"]);
    match(error?.message ?? "", /^maxTokens of "has little .* is used up: 300 of 300$/);
    const [below] = await childrenOf(id);
    deepEqual(below?.limits, { maxTokens: 200, maxCostUsd: 9.5 });
    deepEqual(outcome(await house.client.completion(below?.id ?? "")).slice(0, 2), [
      "error",
      "budget_exceeded",
    ]);
    equal(below?.treeUsage.turns, 2, "it takes no other turn");
  });

  it("of money stop at the first turn above them", async () => {
    const before = house.server.requests.length;
    const id = await house.spawn(
      script("costs", { calls: [look], usage }, { calls: [look], usage }, { text: "never" }),
      { limits: { maxCostUsd: 0.75 } },
    );
    const { error, usage: used } = await house.client.completion(id);
    deepEqual([error?.code, used.costUsd, used.turns], ["budget_exceeded", 1, 2]);
    equal(house.server.requests.length, before + 2, "nobody pays for a third");
  });

  it("of turns let the last turn end the run of the built-in agent", async () => {
    const text = { text: "Three words are enough.", deltas: 5, delayMs: 5, usage };
    const id = await house.spawn(script("ends in time", { calls: [look], usage }, text), {
      limits: { maxTurns: 2 },
    });
    const { status, result } = await house.client.completion(id);
    deepEqual([status, result], ["completed", "Three words are enough."]);
    const again = await house.spawn(script("wants one more", { calls: [look], usage }, text), {
      limits: { maxTurns: 1 },
    });
    const { error, usage: used } = await house.client.completion(again);
    deepEqual([error?.code, used.turns], ["max_turns", 1]);
  });

  it("of turns let the last turn of a child be the end of it, and of its parent", async () => {
    const below = script("the last turn of all", { text: "Last.", usage });
    const id = await house.spawn(
      script("has two turns", { calls: [child(below)], usage }, { text: "never" }),
      { ...auto, limits: { maxTurns: 2 } },
    );
    equal((await house.client.completion(id)).error?.code, "max_turns");
    const [session] = await childrenOf(id);
    ok(session?.status === "completed", JSON.stringify(session));
    equal(session.result, "Last.");
  });

  it("of turns let several children begin no more turns than are left", async () => {
    const parent = await house.spawn("never runs", { autoRun: false, limits: { maxTurns: 3 } });
    const asked = () => house.server.requests.length;
    const before = asked();
    const hangs = (n: number) => script(`hangs ${n}`, { text: "Well", deltas: 2, ending: "hang" });
    const ids = await Promise.all(
      [1, 2, 3, 4, 5, 6].map((n) => house.spawn(hangs(n), { parentId: parent })),
    );
    const ended = () =>
      house.client.of("subAgent/completed").filter((one) => ids.includes(one.childSessionId));
    await waitFor(() => ended().length === 3, "those without a turn to end");
    deepEqual(
      ended().map(({ error }) => error?.code),
      ["max_turns", "max_turns", "max_turns"],
    );
    await waitFor(() => asked() === before + 3, "the others to be in the middle of theirs");
    await house.client.call("session/cancel", { sessionId: parent });
    for (const id of ids) await house.client.completion(id);
    equal(asked(), before + 3);
  });

  it("of turns let an outside agent say what it says after its last turn", async () => {
    const steps = [{ say: "The answer" }, { afterwards: [{ pauseMs: 30 }, { say: " is 42." }] }];
    const params = { agent: "acp", limits: { maxTurns: 1 } };
    const id = await house.spawn(JSON.stringify(steps), params);
    const { status, result, usage: used } = await house.client.completion(id);
    deepEqual([status, result, used.turns], ["completed", "The answer is 42.", 1]);
    await house.client.call("session/send", { sessionId: id, text: JSON.stringify(steps) });
    equal((await house.client.completion(id, 2)).error?.code, "max_turns");
  });
});
