/** The built-in agent's work as clients of a real core see it. */
import assert from "node:assert/strict";
import { existsSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { offshoot } from "../support/daemon.ts";
import { checkLeaks } from "../support/leaks.ts";
import { startModelDaemon, type ModelDaemon } from "../support/modelDaemon.ts";
import { plainText, script } from "../support/modelServer.ts";
import { gate, processesOf, sessionOf, until, words } from "../support/runs.ts";
import { waitFor } from "../support/waitFor.ts";

const auto = { overrides: { permissions: { mode: "auto" } } } as const;

describe("a session of the built-in agent", () => {
  checkLeaks();
  let house: ModelDaemon;

  before(async () => void (house = await startModelDaemon()));
  after(() => house.stop());

  const lastAsked = () => JSON.stringify(house.server.requests.at(-1)?.body.messages);

  it("streams, tells its model and what it used, and completes", async () => {
    const usage = { input: 50, output: 7, cached: 20 };
    const id = await house.spawn(script("hello", { text: "Hello there.", deltas: 3, usage }));
    const { status, result, usage: used } = await house.client.completion(id);
    assert.deepEqual([status, result], ["completed", "Hello there."]);
    assert.deepEqual(used, {
      ...{ inputTokens: 50, outputTokens: 7, cachedInputTokens: 20, costUsd: 0 },
      ...{ turns: 1, toolCalls: 0 },
    });
    assert.equal(house.events(id, "message.delta").length, 3);
    assert.equal(house.said(id), "Hello there.");
    const session = await sessionOf(house.client, id);
    assert.deepEqual([session.model, session.runner], ["scripted/model", "model"]);
    assert.deepEqual(
      words(house.client, id).filter((word) => word === "started" || word === "completed"),
      ["started", "completed"],
    );
  });

  it("reads unasked, and edits a file once a person has seen the change", async () => {
    const file = join(house.daemon.work, "tea.txt");
    writeFileSync(file, "green tea\n");
    const read = { name: "read_file", input: { path: "tea.txt" } };
    const edit = {
      name: "edit_file",
      input: { path: "tea.txt", oldText: "green", newText: "black" },
    };
    const id = await house.spawn(
      script("edit", { calls: [read] }, { calls: [edit] }, { text: "Changed." }),
    );
    const { approval } = await waitFor(
      () => house.client.of("approval/requested").find((one) => one.approval.sessionId === id),
      "an approval",
    );
    assert.equal(approval.toolName, "edit_file");
    assert.match(JSON.stringify(approval.input), /-green tea.*\+black tea/);
    assert.equal(readFileSync(file, "utf8"), "green tea\n");
    await until(house.client, id, "suspended");
    await house.client.call("approval/respond", {
      approvalId: approval.id,
      decision: "allowOnce",
    });
    assert.equal((await house.client.completion(id)).result, "Changed.");
    assert.equal(readFileSync(file, "utf8"), "black tea\n");
    assert.deepEqual(
      house.events(id, "tool.completed").map(({ status }) => status),
      ["completed", "completed"],
    );
  });

  it("does not read what a rule keeps from it", async () => {
    writeFileSync(join(house.daemon.work, ".env"), "hidden");
    const read = { name: "read_file", input: { path: ".env" } };
    const rules = [{ tool: "*", pattern: ".env", decision: "deny" } as const];
    const id = await house.spawn(script("look", { calls: [read] }, { text: "No." }), {
      overrides: { permissions: { rules } },
    });
    assert.equal((await house.client.completion(id)).status, "completed");
    assert.match(lastAsked(), /denied/);
    assert.doesNotMatch(lastAsked(), /hidden/);
  });

  it("hands work to a child, waits for it and reads what it said", async () => {
    const spawn = {
      name: "spawn_agent",
      input: { prompt: "Help.", agent: "scripted", wait: true },
    };
    const id = await house.spawn(script("delegate", { calls: [spawn] }, { text: "Folded." }));
    const { result, usage } = await house.client.completion(id);
    assert.equal(result, "Folded.");
    assert.deepEqual([usage.turns, usage.toolCalls], [2, 1]);
    assert.match(lastAsked(), /There was no script\./);
    const { sessions } = await house.client.call("session/list", { parentId: id });
    assert.deepEqual(
      sessions.map(({ status, title, depth }) => [status, title, depth]),
      [["completed", "Help.", 2]],
    );
  });

  it("shares its process with others, and goes on where it was in a later run", async () => {
    const [one, two] = await Promise.all([
      house.spawn(script("share 1", { text: "One." })),
      house.spawn(script("share 2", { text: "Two." })),
    ]);
    await Promise.all([house.client.completion(one), house.client.completion(two)]);
    assert.equal(house.hostPids().length, 1);
    await house.client.call("session/send", { sessionId: one, text: "And then?" });
    await house.client.completion(one, 2);
    const texts = house.server.requests
      .at(-1)
      ?.body.messages?.filter(({ role }) => role !== "system")
      .map(({ role, content }) => `${role}: ${plainText(content).slice(0, 7)}`);
    assert.deepEqual(texts, ["user: share 1", "assistant: One.", "user: And the"]);
  });

  it("leaves no conversation on disk when it is deleted", async () => {
    const id = await house.spawn(script("forget", { text: "Hello." }));
    await house.client.completion(id);
    const kept = () =>
      readdirSync(join(house.daemon.folder, "agent")).filter((name) => name.endsWith(".json"));
    const before = kept().length;
    await house.client.call("session/delete", { sessionId: id });
    assert.equal(kept().length, before - 1);
  });

  it("is given a message that comes while it works", async () => {
    const door = gate(house.daemon.work);
    const run = { name: "run_command", input: { command: door.wait } };
    const prompt = script("listen", { calls: [run] }, { text: "Done." }, { text: "Heard." });
    const id = await house.spawn(prompt, auto);
    await door.reached();
    const params = { sessionId: id, text: "Also mind the tea." };
    assert.deepEqual(await house.client.call("session/send", params), { delivery: "injected" });
    door.open();
    assert.equal((await house.client.completion(id)).status, "completed");
    assert.match(lastAsked(), /Also mind the tea\./);
    assert.equal(
      house.client.of("subAgent/started").filter((s) => s.childSessionId === id).length,
      1,
    );
  });

  it("ends its commands and all that they started when it is cancelled", async () => {
    const pids = join(house.daemon.work, "pids");
    const command = `setsid sleep 300 & echo $! > ${pids}; sleep 300`;
    const run = { name: "run_command", input: { command } };
    const id = await house.spawn(script("cancel", { calls: [run] }), auto);
    await waitFor(() => existsSync(pids) && readFileSync(pids, "utf8") !== "", "the command");
    const { runId } = await until(house.client, id, "running");
    assert.ok(processesOf(runId).length >= 2);
    await house.client.call("session/cancel", { sessionId: id });
    assert.equal((await house.client.completion(id)).status, "cancelled");
    assert.deepEqual(processesOf(runId), []);
    assert.equal(house.hostPids().length, 1);
  });

  it("leaves nothing in the background when it has ended", async () => {
    const run = { name: "run_command", input: { command: "sleep 300", background: true } };
    const id = await house.spawn(script("background", { calls: [run] }, { text: "Bye." }), auto);
    const { runId, status } = await house.client.completion(id);
    assert.equal(status, "completed");
    assert.deepEqual(processesOf(runId), []);
    assert.equal(house.hostPids().length, 1);
  });

  it("ends when its budget is used up, and keeps what it said", async () => {
    const usage = { input: 80, output: 30 };
    const read = { name: "list_dir", input: {} };
    const steps = [{ text: "Spending.", usage, calls: [read] }, { text: "Never said." }];
    const id = await house.spawn(script("spend", ...steps), { limits: { maxTokens: 100 } });
    const { status, error, result } = await house.client.completion(id);
    assert.deepEqual([status, error?.code, result], ["error", "budget_exceeded", "Spending."]);
    assert.deepEqual(house.events(id, "budget").slice(0, 1), [
      { type: "budget", limit: "maxTokens", used: 110, max: 100 },
    ]);
  });

  it("asks again where a turn broke, without what the broken one had said", async () => {
    const id = await house.spawn(
      script("break", { text: "Half", ending: "drop" }, { text: "Whole." }),
    );
    const { result, attempt } = await house.client.completion(id);
    assert.deepEqual([result, attempt], ["Whole.", 2]);
    assert.equal(house.events(id, "retry")[0]?.error.code, "network");
    const roles = house.server.requests.at(-1)?.body.messages?.map(({ role }) => role);
    assert.deepEqual(roles, ["system", "user"]);
  });

  it("tells when it asks its model again, and why, without a note", async () => {
    const busy = { status: 429, retryAfter: 0, errorText: "not so fast" };
    const id = await house.spawn(script("busy", busy, { text: "At last." }));
    const { result, attempt } = await house.client.completion(id);
    assert.deepEqual([result, attempt], ["At last.", 1]);
    const [retry, ...more] = house.events(id, "retry");
    assert.deepEqual([retry?.attempt, retry?.inMs, more.length], [2, 0, 0]);
    assert.deepEqual(
      [retry?.error.code, retry?.error.retryable, retry?.error.retryAfterMs],
      ["throttled", true, 0],
    );
    assert.match(retry?.error.message ?? "", /not so fast/);
    assert.deepEqual(house.events(id, "note"), []);
  });

  it("fails with the provider's error, typed", async () => {
    const refusal = { status: 401, errorText: "who are you?" };
    const id = await house.spawn(script("unknown", refusal));
    const { status, error } = await house.client.completion(id);
    assert.deepEqual([status, error?.code, error?.retryable], ["error", "auth", false]);
  });
});

describe("keys of the built-in agent's providers", () => {
  checkLeaks();
  let house: ModelDaemon;
  const keys = {
    environment: "a-key-of-the-environment",
    client: "a-key-of-the-client",
    terminal: "a-key-of-the-terminal",
  };

  before(async () => {
    process.env["TEA_KEY"] = keys.environment;
    try {
      house = await startModelDaemon();
    } finally {
      delete process.env["TEA_KEY"];
    }
    const { baseUrl } = house.server;
    const kind = "openai-compatible";
    house.daemon.configure({
      providers: {
        tea: { kind, baseUrl, apiKeyEnv: "TEA_KEY" },
        coffee: { kind, baseUrl, apiKeyEnv: "COFFEE_KEY" },
        late: { kind, baseUrl, apiKeyEnv: "LATE_KEY" },
      },
    });
    await house.client.call("daemon/setApiKeys", { apiKeys: { coffee: keys.client } });
  });
  after(() => house.stop());

  const usedKey = () => house.server.requests.at(-1)?.headers["authorization"];

  it("come from the environment or from a client, and are never told nor stored", async () => {
    const look = { name: "run_command", input: { command: "env" } };
    for (const [provider, key] of [
      ["tea", keys.environment],
      ["coffee", keys.client],
    ]) {
      const prompt = script(`use ${provider}`, { calls: [look] }, { text: `It is ${key}.` });
      const id = await house.spawn(prompt.replaceAll(String(key), "KEY"), {
        agent: "model",
        model: `${provider}/model`,
        ...auto,
      });
      assert.equal((await house.client.completion(id)).status, "completed");
      assert.equal(usedKey(), `Bearer ${key}`);
    }
    const ran = await offshoot(
      ["run", "-a", "model", "-m", "late/model", script("late", { text: "Hello." })],
      { ...house.daemon.environment, LATE_KEY: keys.terminal },
      house.daemon.work,
    );
    assert.equal(ran.stdout, "Hello.\n");
    assert.equal(usedKey(), `Bearer ${keys.terminal}`);
    const files = [
      join(house.daemon.folder, "store.sqlite"),
      join(house.daemon.folder, "store.sqlite-wal"),
    ];
    const stored = files.filter(existsSync).map((file) => readFileSync(file, "latin1"));
    for (const key of Object.values(keys)) {
      assert.ok(!JSON.stringify(house.client.received).includes(key));
      assert.ok(!house.daemon.log().includes(key));
      assert.ok(stored.every((text) => !text.includes(key)));
    }
  });
});
