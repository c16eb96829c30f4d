/** The agent over its wire: what it says, what it counts, and how a prompt ends. */
import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { RequestError } from "@agentclientprotocol/sdk";
import type { PromptResponse } from "@agentclientprotocol/sdk";
import { checkLeaks } from "../support/leaks.ts";
import { plainText, script, startModelServer } from "../support/modelServer.ts";
import type { ModelServer } from "../support/modelServer.ts";
import { waitFor } from "../support/waitFor.ts";
import { allow, newFolder, removeFolders, scripted, startAgent } from "./agentClient.ts";
import type { TestAgent, TestSession } from "./agentClient.ts";

const keys = { OPENAI_API_KEY: "key-openai-12345", ANTHROPIC_API_KEY: "key-anthropic-12345" };

function codeOf({ _meta }: PromptResponse): unknown {
  return (_meta?.["offshoot"] as { code?: string } | undefined)?.code;
}

describe("the built-in agent's prompts", () => {
  checkLeaks();
  let server: ModelServer;
  let agent: TestAgent;

  before(async () => {
    server = await startModelServer();
    agent = await startAgent(keys, { session: { notices: {} } });
  });
  after(async () => {
    assert.equal(await agent.end(), 0);
    await server.close();
    removeFolders();
  });

  const failed = async (session: TestSession, prompt: string) => {
    const error = await session.prompt(prompt).then(
      () => assert.fail("the prompt succeeded"),
      (reason: unknown) => reason,
    );
    assert.ok(error instanceof RequestError);
    const data = error.data as { code: string; retryable: boolean; retryAfterMs?: number };
    return { message: error.message, ...data };
  };

  it("begin with who it is and what it can do", () => {
    const { protocolVersion, agentInfo, agentCapabilities } = agent.initialized;
    assert.equal(protocolVersion, 1);
    assert.equal(agentInfo?.name, "offshoot");
    assert.equal(agentCapabilities?.loadSession, true);
    assert.deepEqual(agentCapabilities?.mcpCapabilities, { http: true, sse: false });
  });

  it("stream text and thoughts, and count what was used", async () => {
    const session = await agent.open({ meta: scripted(server) });
    const end = await session.prompt(
      script("stream", {
        thought: "Hm.",
        text: "Hello, world!",
        deltas: 4,
        usage: { input: 100, output: 20, cached: 60, cost: 0.25 },
      }),
    );
    const used = { inputTokens: 100, outputTokens: 20, cachedInputTokens: 60, costUsd: 0.25 };
    assert.deepEqual(end, {
      stopReason: "end_turn",
      _meta: { offshoot: { usage: { ...used, turns: 1, toolCalls: 0 } } },
    });
    assert.equal(session.text(), "Hello, world!");
    assert.equal(session.of("agent_message_chunk").length, 4);
    assert.deepEqual(
      session.of("agent_thought_chunk").map(({ content }) => content),
      [{ type: "text", text: "Hm." }],
    );
    assert.deepEqual(session.of("usage_update"), [
      {
        sessionUpdate: "usage_update",
        used: 120,
        size: 128_000,
        cost: { amount: 0.25, currency: "USD" },
        _meta: { offshoot: { usage: { ...used, turns: 1 } } },
      },
    ]);
  });

  for (const [kind, key, api] of [
    ["anthropic", "ANTHROPIC_API_KEY", "messages"],
    ["openai", "OPENAI_API_KEY", "responses"],
  ] as const) {
    it(`reach ${kind}, with a tool and back`, async () => {
      const providers = { mine: { kind, baseUrl: server.baseUrl, apiKeyEnv: key } };
      const session = await agent.open({ meta: { model: "mine/some-model", providers } });
      const before = server.requests.length;
      const end = await session.prompt(
        script(
          `reach ${kind}`,
          { text: "Looking.", calls: [{ name: "list_dir", input: {} }] },
          { text: " Empty.", deltas: 2, usage: { input: 30, output: 3, cached: 7 } },
        ),
      );
      assert.equal(end.stopReason, "end_turn");
      assert.equal(session.text(), "Looking. Empty.");
      assert.deepEqual(
        session.calls().map(({ name, status, rawOutput }) => ({ name, status, rawOutput })),
        [{ name: "list_dir", status: "completed", rawOutput: "[the folder is empty]" }],
      );
      const [first, second] = server.requests.slice(before);
      assert.equal(first?.api, api);
      const sent = first.headers["x-api-key"] ?? first.headers["authorization"];
      assert.ok(String(sent).endsWith(keys[key]));
      assert.match(JSON.stringify(second?.body), /\[the folder is empty\]/);
    });
  }

  it("keep the conversation from one to the next", async () => {
    const session = await agent.open({ meta: scripted(server, { prompt: "Be brief." }) });
    await session.prompt(script("the first question", { text: "The first answer." }));
    await session.prompt(script("the second question", { text: "The second answer." }));
    const messages = server.requests.at(-1)?.body.messages ?? [];
    assert.deepEqual(
      messages.map(({ role }) => role),
      ["system", "user", "assistant", "user"],
    );
    assert.match(plainText(messages[0]?.content), /Be brief\.$/);
    assert.equal(plainText(messages[2]?.content), "The first answer.");
  });

  it("end with the protocol's reasons", async () => {
    const session = await agent.open({ meta: scripted(server, { limits: { maxTurns: 2 } }) });
    const length = await session.prompt(script("length", { text: "Too lo", finish: "length" }));
    assert.deepEqual(length.stopReason, "max_tokens");
    const refusal = await session.prompt(script("refusal", { text: "No.", finish: "refusal" }));
    assert.equal(refusal.stopReason, "refusal");
    const call = { calls: [{ name: "list_dir", input: {} }] };
    const turns = await session.prompt(script("turns", call, call, call));
    assert.equal(turns.stopReason, "max_turn_requests");
    assert.equal(codeOf(turns), "max_turns");
    assert.equal(session.calls().length, 2);

    const limits = { maxTokens: 50 };
    const budgeted = await agent.open({ meta: scripted(server, { limits }) });
    const heavy = { ...call, usage: { input: 30, output: 30 } };
    const spent = await budgeted.prompt(script("budget", heavy, heavy));
    assert.equal(spent.stopReason, "max_tokens");
    assert.equal(codeOf(spent), "budget_exceeded");
  });

  it("fail with typed errors", async () => {
    const session = await agent.open({ meta: scripted(server) });
    const cases = [
      [{ status: 401 }, "auth", false],
      [{ status: 403 }, "auth", false],
      [{ status: 402 }, "quota", false],
      [{ status: 429, errorCode: "insufficient_quota" }, "quota", false],
      [{ status: 400 }, "invalid_request", false],
      [{ status: 404 }, "invalid_request", false],
    ] as const;
    for (const [step, code, retryable] of cases) {
      const error = await failed(session, script(`fails with ${step.status} ${code}`, step));
      assert.deepEqual({ code: error.code, retryable: error.retryable }, { code, retryable });
    }
  });

  it("are tried again where that can help, three times", async () => {
    const session = await agent.open({ meta: scripted(server) });
    const again = script("again", { status: 429, retryAfter: 0 }, { text: "At last." });
    assert.equal((await session.prompt(again)).stopReason, "end_turn");
    assert.equal(session.text(), "At last.");
    assert.equal(session.of("notice").length, 1);

    const statuses = [
      [500, "server_error"],
      [502, "server_error"],
      [503, "overloaded"],
      [529, "overloaded"],
      [408, "network"],
    ] as const;
    for (const [status, code] of statuses) {
      const before = server.requests.length;
      const step = { status, retryAfter: 0 };
      const error = await failed(session, script(`${status}`, step, step, step, step));
      assert.deepEqual([error.code, error.retryable], [code, true]);
      assert.equal(server.requests.length - before, 3);
    }
  });

  it("hand on a wish to wait that is longer than they would", async () => {
    const session = await agent.open({ meta: scripted(server) });
    const error = await failed(session, script("wait", { status: 429, retryAfter: 90 }));
    assert.deepEqual([error.code, error.retryAfterMs], ["throttled", 90_000]);
  });

  it("keep what was said before a connection broke", async () => {
    const open = (kind: string, apiKeyEnv?: string) => {
      const providers = { some: { kind, baseUrl: server.baseUrl, apiKeyEnv } };
      return agent.open({ meta: { model: "some/model", providers } });
    };
    const session = await open("openai-compatible");
    const others = [
      await open("openai", "OPENAI_API_KEY"),
      await open("anthropic", "ANTHROPIC_API_KEY"),
    ];
    for (const [index, one] of [...others, session].entries()) {
      for (const ending of ["cut", "drop"] as const) {
        const broken = { text: "Half a sentence", deltas: 3, ending };
        const error = await failed(one, script(`broken by ${ending} ${index}`, broken));
        assert.deepEqual([error.code, error.retryable], ["network", true]);
      }
      assert.equal(one.text(), "Half Half ");
    }
    await session.prompt(script("go on", { text: "and the rest" }));
    const messages = server.requests.at(-1)?.body.messages ?? [];
    assert.equal(plainText(messages.at(-2)?.content), "Half ");
  });

  it("end when the provider falls silent, or when their time is over", async () => {
    const hang = { text: "Well, then", deltas: 2, ending: "hang" } as const;
    const idle = await agent.open({ meta: scripted(server, { limits: { idleTimeoutMs: 300 } }) });
    assert.equal((await failed(idle, script("silent", hang))).code, "network");
    assert.equal(idle.text(), "Well,");
    const total = await agent.open({ meta: scripted(server, { limits: { timeoutMs: 300 } }) });
    const error = await failed(total, script("long", hang));
    assert.equal(error.code, "aborted");
    assert.match(error.message, /300 ms/);
    await waitFor(() => server.counts.parallel === 0, "the provider to be left alone");
  });

  it("are cancelled in the middle of a stream", async () => {
    const session = await agent.open({ meta: scripted(server) });
    const hangUps = server.counts.hangUps;
    const prompt = session.prompt(script("cancel", { text: "One two", deltas: 2, ending: "hang" }));
    await waitFor(() => session.text() !== "", "the first words");
    await session.cancel();
    assert.equal((await prompt).stopReason, "cancelled");
    await waitFor(() => server.counts.hangUps > hangUps, "the agent to hang up");
    await session.prompt(script("after", { text: "." }));
    const messages = server.requests.at(-1)?.body.messages ?? [];
    assert.equal(plainText(messages.at(-2)?.content), "One ");
  });

  it("are cancelled before they have begun", async () => {
    const session = await agent.open({ meta: scripted(server) });
    const prompt = session.prompt(script("at once", { text: "never" }));
    await session.cancel();
    assert.equal((await prompt).stopReason, "cancelled");
  });

  it("take messages that come meanwhile, at the next turn", async () => {
    const session = await agent.open({
      meta: scripted(server),
      permission: async () => {
        const answer = await session.prompt("mind the gap", { inject: true });
        assert.deepEqual(answer._meta, { offshoot: { injected: true } });
        return allow();
      },
    });
    const late = await session.prompt("too early", { inject: true });
    assert.deepEqual(late._meta, { offshoot: { injected: false } });
    const command = { name: "run_command", input: { command: "true" } };
    await session.prompt(script("inject", { calls: [command] }, { text: "Minded." }));
    const messages = server.requests.at(-1)?.body.messages ?? [];
    assert.equal(plainText(messages.at(-1)?.content), "mind the gap");
    assert.equal(messages.at(-2)?.role, "tool");
  });

  it("refuse a second one, and run those of other sessions at the same time", async () => {
    const sessions = await Promise.all([1, 2, 3].map(() => agent.open({ meta: scripted(server) })));
    const prompts = sessions.map((session, index) =>
      session.prompt(script(`same time ${index}`, { text: "abc", deltas: 2, ending: "hang" })),
    );
    await waitFor(() => server.counts.parallel === 3, "three requests at once");
    const [first] = sessions;
    assert.ok(first);
    assert.equal((await failed(first, "me too")).code, "invalid_request");
    await Promise.all(sessions.map((session) => session.cancel()));
    const ends = await Promise.all(prompts);
    assert.deepEqual(
      ends.map(({ stopReason }) => stopReason),
      ["cancelled", "cancelled", "cancelled"],
    );
  });

  it("go on where nothing can be written to disk, and say so once", async () => {
    const blocked = join(newFolder("blocked"), "file");
    writeFileSync(blocked, "");
    const meta = {
      ...scripted(server),
      permissions: { mode: "auto" },
      stateDir: join(blocked, "below"),
    };
    const session = await agent.open({ meta });
    const call = { name: "run_command", input: { command: "seq 1 20000" } };
    await session.prompt(script("long", { calls: [call] }, { text: "Done." }));
    assert.equal(session.text(), "Done.");
    const [{ status, rawOutput } = {}] = session.calls();
    assert.equal(status, "completed");
    assert.match(
      String(rawOutput),
      /^1\n2\n.*bytes left out; the full text could not be stored: .*19999\n20000/s,
    );
    const warnings = session.of("notice").map(({ title }) => title);
    assert.equal(warnings.length, 1);
    assert.match(warnings[0] ?? "", /cannot be written to disk.*ENOTDIR/);
  });

  it("say what is missing where there is no key, no model or no such one", async () => {
    const providers = { mine: { kind: "anthropic", apiKeyEnv: "MY_KEY" } };
    const noKey = await agent.open({ meta: { model: "mine/m", providers } });
    const error = await failed(noKey, "hello");
    assert.equal(error.code, "auth");
    assert.match(error.message, /MY_KEY/);
    const noModel = await agent.open({ meta: { model: "nowhere/m" } });
    assert.equal((await failed(noModel, "hello")).code, "invalid_request");
    const unnamed = await failed(await agent.open(), "hello");
    assert.equal(unnamed.code, "invalid_request");
    assert.match(unnamed.message, /^no model is chosen.*OFFSHOOT_MODEL.*rehearsal\/planner/);
  });

  it("ask the model only when the client grants the turn", async () => {
    const session = await agent.open({ meta: scripted(server, { grantsTurns: true }) });
    const before = server.requests.length;
    // This client knows no such question.
    await assert.rejects(session.prompt(script("not granted", { text: "never" })), /not found/);
    assert.equal(server.requests.length, before);
  });

  it("print nothing but the protocol to stdout", () => {
    for (const line of agent.stdout().trim().split("\n")) JSON.parse(line);
    assert.equal(agent.stderr(), "");
  });
});
