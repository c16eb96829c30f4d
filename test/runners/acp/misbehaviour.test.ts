/** What agents really do on the wire, one by one. */
import assert from "node:assert/strict";
import { acpSuite } from "../../support/acpSuite.ts";
import { checkLeaks } from "../../support/leaks.ts";

const toolCall = (fields: object) => ({
  update: { sessionUpdate: "tool_call", toolCallId: "1", ...fields },
});
const toolUpdate = (fields: object) => ({
  update: { sessionUpdate: "tool_call_update", toolCallId: "1", ...fields },
});
const content = (text: string) => ({
  content: [{ type: "content", content: { type: "text", text } }],
});
const permission = (fields: object = {}) => ({
  request: "session/request_permission",
  params: {
    toolCall: { toolCallId: "1", title: "Run ls", kind: "execute", rawInput: { command: "ls" } },
    options: [{ optionId: "yes", name: "Allow", kind: "allow_once" }],
    ...fields,
  },
  as: "permission",
});

describe("what ACP agents get wrong", () => {
  checkLeaks();
  const start = acpSuite();

  it("a permission request before its tool call", async () => {
    const run = start({
      steps: [
        permission(),
        toolCall({ title: "Run ls", kind: "execute", status: "in_progress" }),
        toolUpdate({ status: "completed", ...content("a.txt") }),
      ],
    });
    await run.outcome;
    assert.equal(run.asked[0]?.toolUseId, "1");
    assert.deepEqual(
      run.ofType("tool.started").map(({ title, input }) => [title, input]),
      [["Run ls", { command: "ls" }]],
    );
    assert.equal(run.ofType("tool.completed").length, 1);
  });

  it("a permission request with no tool call at all", async () => {
    const run = start({ steps: [permission(), { sayAnswer: "permission" }] });
    const outcome = await run.outcome;
    assert.equal(outcome.result, '{"outcome":{"outcome":"selected","optionId":"yes"}}');
    assert.equal(run.ofType("tool.started").length, 1);
    assert.equal(run.ofType("tool.completed")[0]?.status, "cancelled");
  });

  it("updates without a status", async () => {
    const run = start({
      steps: [toolCall({ title: "Look" }), toolUpdate(content("seen")), { say: "ok" }],
    });
    await run.outcome;
    assert.deepEqual(
      run.ofType("tool.output").map(({ text }) => text),
      ["seen"],
    );
    assert.deepEqual(
      run.ofType("tool.completed").map(({ status, output }) => [status, output]),
      [["completed", "seen"]],
    );
  });

  it("an update for an unknown tool call", async () => {
    const run = start({ steps: [toolUpdate({ status: "failed", ...content("broken") })] });
    await run.outcome;
    assert.equal(run.ofType("tool.started").length, 1);
    assert.equal(run.ofType("tool.completed")[0]?.status, "failed");
  });

  it("a tool call without an id", async () => {
    const run = start({
      steps: [{ update: { sessionUpdate: "tool_call", title: "?" } }, { say: "ok" }],
    });
    assert.equal((await run.outcome).result, "ok");
    assert.equal(run.ofType("tool.started").length, 0);
    assert.equal(run.notes().length, 1);
  });

  it("a tool call that is told twice, and goes on after its end", async () => {
    const run = start({
      steps: [
        toolCall({ title: "a", status: "in_progress" }),
        toolCall({ title: "a", status: "in_progress" }),
        toolUpdate(content("o")),
        toolUpdate(content("one")),
        toolUpdate({ status: "completed" }),
        toolUpdate({ status: "completed", ...content("one and more") }),
      ],
    });
    await run.outcome;
    assert.equal(run.ofType("tool.started").length, 1);
    assert.equal(run.ofType("tool.completed").length, 1);
    assert.deepEqual(
      run.ofType("tool.output").map(({ text }) => text),
      ["o", "ne"],
    );
  });

  it("updates before the session has an id, and outside of a turn", async () => {
    const before = {
      update: { sessionUpdate: "available_commands_update", availableCommands: [] },
    };
    const run = start({
      setUp: { before: [before, { say: "early" }] },
      steps: [{ say: "in time" }],
    });
    const outcome = await run.outcome;
    assert.deepEqual(
      run.ofType("message.delta").map(({ text }) => text),
      ["early", "in time"],
    );
    assert.equal(outcome.status, "completed");
  });

  it("updates after the turn's answer", async () => {
    const run = start({
      steps: [
        toolCall({ title: "a", status: "in_progress" }),
        { say: "The answer" },
        { afterwards: [{ say: " is 42." }, toolUpdate({ status: "completed" })] },
      ],
    });
    assert.deepEqual(await run.outcome, { status: "completed", result: "The answer is 42." });
    assert.equal(run.ofType("tool.completed")[0]?.status, "completed");
  });

  it("empty first chunks", async () => {
    const run = start({ steps: [{ say: "" }, { say: "x" }] });
    await run.outcome;
    assert.equal(run.ofType("message.delta").length, 1);
  });

  it("updates of an unknown kind, and malformed ones", async () => {
    const run = start({
      steps: [
        { update: { sessionUpdate: "_vendor_thing", secret: 1 } },
        { update: { sessionUpdate: "agent_message_chunk", content: "no block" } },
        { update: {} },
        { raw: '{"jsonrpc":"2.0","method":"session/update"}\n' },
        { say: "ok" },
      ],
    });
    assert.equal((await run.outcome).result, "ok");
    assert.ok(run.notes()[0]?.includes("_vendor_thing"));
  });

  it("vendor methods", async () => {
    const run = start({
      steps: [
        { notify: "_vendor/told" },
        { request: "_vendor/asked", as: "vendor" },
        { sayAnswer: "vendor" },
      ],
    });
    const outcome = await run.outcome;
    assert.equal((JSON.parse(outcome.result ?? "") as { code: number }).code, -32601);
  });

  it("lines on stdout that are no messages", async () => {
    const run = start({
      steps: [
        { raw: "Warning: something\n" },
        { raw: "[1, 2]\n\n" },
        { raw: '{"jsonrpc":"2.0","id":4711,"result":{}}\n' },
        { raw: "noise\n".repeat(100) },
        { say: "ok" },
        { raw: "before the answer, on its line: " },
      ],
    });
    assert.equal((await run.outcome).result, "ok");
    assert.ok(run.notes()[0]?.endsWith("not a message: Warning: something"));
    assert.equal(run.notes().length, 20);
    // No agent is told that its own log could not be parsed.
    assert.deepEqual(
      run.received().filter(({ error }) => error !== undefined),
      [],
    );
  });

  it("messages in pieces, many in one piece, with characters cut in two", async () => {
    const message = (text: string) =>
      `${JSON.stringify({
        jsonrpc: "2.0",
        method: "session/update",
        params: {
          sessionId: "session-1",
          update: { sessionUpdate: "agent_message_chunk", content: { type: "text", text } },
        },
      })}\n`;
    const line = message("zwölf €");
    const run = start({
      steps: [
        { raw: message("a") + message("b") + line.slice(0, 20) },
        { pauseMs: 20 },
        { raw: line.slice(20) },
      ],
    });
    assert.equal((await run.outcome).result, "abzwölf €");
  });

  it("an allow_always that comes first: options are chosen by their kind", async () => {
    const options = [
      { optionId: "allow", name: "Always", kind: "allow_always" },
      { optionId: "reject", name: "Allow once", kind: "allow_once" },
      { optionId: "x", name: "No", kind: "reject_once" },
    ];
    const optionFor = async (decision: "allowOnce" | "denyOnce") => {
      const run = start({
        steps: [permission({ options }), { sayAnswer: "permission" }],
        answer: () => ({ decision }),
      });
      const { result = "" } = await run.outcome;
      return (JSON.parse(result) as { outcome: { optionId: string } }).outcome.optionId;
    };
    assert.equal(await optionFor("allowOnce"), "reject");
    assert.equal(await optionFor("denyOnce"), "x");
  });

  it("stderr without end", async () => {
    let waits = 0;
    const run = start({
      steps: [{ stderr: "noise\n".repeat(50_000) }, { say: "ok" }],
      ready: async () => {
        waits += 1;
        await new Promise(setImmediate);
      },
    });
    assert.equal((await run.outcome).result, "ok");
    assert.ok(waits > 1);
    assert.equal(run.output("stderr").length, 300_000);
  });

  it("another version of the protocol, and a session without an id", async () => {
    const other = await start({ setUp: { hello: { result: { protocolVersion: 2 } } } }).outcome;
    assert.ok(other.status === "error" && other.error.code === "protocol_error");
    const nameless = await start({ setUp: { newSession: { result: {} } } }).outcome;
    assert.ok(nameless.status === "error" && nameless.error.code === "protocol_error");
  });
});
