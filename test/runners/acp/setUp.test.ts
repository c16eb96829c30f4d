/** How an agent's own session is opened, and what its use means. */
import assert from "node:assert/strict";
import { acpSuite, type Start } from "../../support/acpSuite.ts";
import { checkLeaks } from "../../support/leaks.ts";

describe("setting up a session over ACP", () => {
  checkLeaks();
  const start = acpSuite();
  const authMethods = [
    { id: "login", name: "Log in", description: "with a browser" },
    { id: "key", name: "Use A_KEY", type: "env_var", vars: [{ name: "A_KEY" }] },
  ];

  it("says how to sign in, in the agent's own words, when it has to be", async () => {
    const run = start({ setUp: { wantsAuth: true, authMethods } });
    const outcome = await run.outcome;
    assert.ok(outcome.status === "error");
    assert.equal(outcome.error.code, "auth");
    assert.match(outcome.error.message, /It offers: Log in \(with a browser\); Use A_KEY\./);
    assert.deepEqual(run.received("authenticate"), []);
  });

  it("signs in by itself with a key that the agent's environment holds", async () => {
    const run = start({
      setUp: { wantsAuth: true, authMethods },
      env: { A_KEY: "k" },
      steps: [{ say: "in" }],
    });
    assert.equal((await run.outcome).result, "in");
    assert.deepEqual(run.received("authenticate")[0]?.params, { methodId: "key" });
    const unasked = start({ setUp: { authMethods }, env: { A_KEY: "k" } });
    await unasked.outcome;
    assert.deepEqual(unasked.received("authenticate"), []);
  });

  it("hands over the sub-agent tools and the profile's MCP servers", async () => {
    const mcpServers = {
      files: { command: "/bin/files", args: ["-x"], env: { A: "b" } },
      web: { url: "http://127.0.0.1:1/mcp", headers: { H: "v" } },
      offshoot: { command: "/bin/impostor" },
    };
    const run = start({ mcpServers, setUp: { capabilities: { mcpCapabilities: { http: true } } } });
    await run.outcome;
    const [opened] = run.received("session/new");
    const own = {
      name: "offshoot",
      command: process.execPath,
      args: ["--version"],
      env: [{ name: "OFFSHOOT_SESSION", value: "s" }],
    };
    const files = {
      name: "files",
      command: "/bin/files",
      args: ["-x"],
      env: [{ name: "A", value: "b" }],
    };
    const web = {
      type: "http",
      name: "web",
      url: "http://127.0.0.1:1/mcp",
      headers: [{ name: "H", value: "v" }],
    };
    assert.deepEqual(opened?.params, { cwd: run.cwd, mcpServers: [files, web, own] });
    const without = start({ mcpServers });
    await without.outcome;
    const [other] = without.received("session/new");
    assert.deepEqual(other?.params?.["mcpServers"], [files, own]);
    assert.match(without.notes()[0] ?? "", /no MCP servers over HTTP/);
  });

  const earlier = { acpSessionId: "session-1", acpAgent: "scripted" };

  it("remembers the session, and loads it without telling again what was told", async () => {
    const first = start({ steps: [{ say: "a" }] });
    await first.outcome;
    assert.deepEqual(first.remembered, earlier);
    const again = start({
      remembered: first.remembered,
      setUp: { capabilities: { loadSession: true }, replay: [{ say: "told before" }] },
      instructions: "Be brief.",
      steps: [{ say: "new" }],
    });
    assert.equal((await again.outcome).result, "new");
    assert.equal(again.ofType("message.delta").length, 1);
    assert.equal(again.received("session/new").length, 0);
    const [prompt] = again.received("session/prompt");
    assert.ok(!JSON.stringify(prompt).includes("Be brief."));
  });

  it("resumes where the agent can, which is quicker", async () => {
    const run = start({
      remembered: earlier,
      setUp: { capabilities: { loadSession: true, sessionCapabilities: { resume: {} } } },
      steps: [{ say: "new" }],
    });
    assert.equal((await run.outcome).result, "new");
    assert.equal(run.received("session/resume").length, 1);
  });

  it("says so when the earlier session cannot be gone on with", async () => {
    const error = { code: -32002, message: "gone" };
    const lost = start({
      remembered: earlier,
      setUp: { capabilities: { loadSession: true }, loadSession: { error } },
      steps: [{ say: "new" }],
    });
    assert.equal((await lost.outcome).result, "new");
    assert.match(lost.notes()[0] ?? "", /\(gone\); a new one begins/);
    const unable = start({ remembered: earlier, steps: [{ say: "new" }] });
    await unable.outcome;
    assert.match(unable.notes()[0] ?? "", /cannot continue its earlier session/);
    const other = start({
      remembered: { ...earlier, acpAgent: "another" },
      setUp: { capabilities: { loadSession: true } },
      steps: [{ say: "new" }],
    });
    await other.outcome;
    assert.equal(other.received("session/load").length, 0);
    assert.deepEqual(other.notes(), []);
  });

  it("chooses model and mode, by options or by the older lists", async () => {
    const configOptions = [
      {
        id: "m",
        category: "model",
        type: "select",
        currentValue: "small",
        options: [{ value: "small" }, { group: "g", options: [{ value: "big" }] }],
      },
      {
        id: "mode",
        category: "mode",
        type: "select",
        currentValue: "build",
        options: [{ value: "build" }, { value: "plan" }],
      },
    ];
    const profile = { model: "maker/big", permissions: { mode: "plan" } } as const;
    const newer = start({
      profile,
      setUp: { newSession: { result: { sessionId: "session-1", configOptions } } },
    });
    await newer.outcome;
    assert.deepEqual(
      newer.received("session/set_config_option").map(({ params }) => params),
      [
        { sessionId: "session-1", configId: "m", value: "big" },
        { sessionId: "session-1", configId: "mode", value: "plan" },
      ],
    );
    assert.deepEqual(newer.described, [{ model: "big" }]);
    const models = { availableModels: [{ modelId: "big" }], currentModelId: "other" };
    const modes = { availableModes: [{ id: "x#plan" }], currentModeId: "x#build" };
    const older = start({
      profile,
      setUp: { newSession: { result: { sessionId: "session-1", models, modes } } },
    });
    await older.outcome;
    const chosen = { sessionId: "session-1", modelId: "big" };
    assert.deepEqual(older.received("session/set_model")[0]?.params, chosen);
    assert.equal(older.received("session/set_mode")[0]?.params?.["modeId"], "x#plan");
    const unable = start({ profile });
    await unable.outcome;
    assert.deepEqual(unable.notes().length, 3);
  });
});

describe("what ACP agents have used", () => {
  checkLeaks();
  const start = acpSuite();
  const tokens = { inputTokens: 10, outputTokens: 5, totalTokens: 15 };

  async function usageOf(
    from: Start,
    name: string,
    answer: object,
    more: { updates?: object[]; remembered?: Record<string, string> } = {},
  ) {
    const { updates = [], remembered = {} } = more;
    const run = from({
      setUp: { name, capabilities: { loadSession: true } },
      remembered,
      steps: [
        { say: "x" },
        ...updates.map((update) => ({ update })),
        { answer: { stopReason: "end_turn", ...answer } },
      ],
    });
    await run.outcome;
    const { usage } = run.ofType("turn.completed")[0] ?? {};
    return { counted: run.usage, usage, run };
  }

  it("is the sum of the turn, with what came from a cache", async () => {
    const { counted, usage } = await usageOf(start, "claude-agent-acp", {
      usage: { ...tokens, cachedReadTokens: 100, cachedWriteTokens: 20, totalTokens: 135 },
    });
    assert.deepEqual(counted, [
      { inputTokens: 130, cachedInputTokens: 100, outputTokens: 5, turns: 1 },
    ]);
    assert.equal(usage?.inputTokens, 130);
    const inside = await usageOf(start, "codex-acp", {
      usage: { ...tokens, cachedReadTokens: 4, thoughtTokens: 2, totalTokens: 17 },
    });
    assert.deepEqual(inside.counted, [
      { inputTokens: 10, cachedInputTokens: 4, outputTokens: 7, turns: 1 },
    ]);
  });

  it("is unknown where the agent tells its last model call only, or nothing", async () => {
    for (const [name, answer] of [
      ["OpenCode", { usage: tokens }],
      ["qwen-code", {}],
    ] as const) {
      const { counted, usage } = await usageOf(start, name, answer);
      assert.deepEqual([counted, usage], [[{ turns: 1 }], undefined]);
    }
  });

  it("is what came anew where the agent tells the total of its session, also in a later run", async () => {
    const first = await usageOf(start, "Copilot", { usage: tokens });
    assert.deepEqual(first.counted, [{ inputTokens: 10, outputTokens: 5, turns: 1 }]);
    const second = await usageOf(
      start,
      "Copilot",
      { usage: { inputTokens: 25, outputTokens: 9, totalTokens: 34 } },
      { remembered: first.run.remembered },
    );
    assert.deepEqual(second.counted, [{ inputTokens: 15, outputTokens: 4, turns: 1 }]);
  });

  it("is found in Gemini's own place", async () => {
    const { counted } = await usageOf(start, "gemini-cli", {
      _meta: { quota: { token_count: { input_tokens: 7, output_tokens: 3 } } },
    });
    assert.deepEqual(counted, [{ inputTokens: 7, outputTokens: 3, turns: 1 }]);
  });

  it("is never the fill of the context, but the price that comes with it", async () => {
    const update = { sessionUpdate: "usage_update", used: 50_000, size: 200_000 };
    const cost = { amount: 0.5, currency: "USD" };
    const { counted } = await usageOf(start, "OpenCode", {}, { updates: [{ ...update, cost }] });
    assert.deepEqual(counted, [{ costUsd: 0.5, turns: 1 }]);
    const euros = { ...cost, currency: "EUR" };
    const other = await usageOf(start, "x", {}, { updates: [update, { ...update, cost: euros }] });
    assert.deepEqual(other.counted, [{ turns: 1 }]);
  });
});
