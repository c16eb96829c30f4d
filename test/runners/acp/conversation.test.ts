import assert from "node:assert/strict";
import { acpSuite } from "../../support/acpSuite.ts";
import { checkLeaks } from "../../support/leaks.ts";
import { waitFor } from "../../support/waitFor.ts";

describe("a conversation over ACP", () => {
  checkLeaks();
  const start = acpSuite();

  it("tells what the agent says, in its order, and ends with its last text", async () => {
    const run = start({
      steps: [
        { update: { sessionUpdate: "agent_thought_chunk", content: { type: "text", text: "hm" } } },
        { say: "Hel" },
        { say: "lo" },
        {
          update: {
            sessionUpdate: "tool_call",
            toolCallId: "1",
            title: "Read a file",
            kind: "read",
            status: "in_progress",
            rawInput: { path: "a.txt" },
            locations: [{ path: "/a.txt", line: 3 }],
          },
        },
        {
          update: {
            sessionUpdate: "tool_call_update",
            toolCallId: "1",
            status: "completed",
            content: [{ type: "content", content: { type: "text", text: "one" } }],
          },
        },
        {
          update: {
            sessionUpdate: "plan",
            entries: [{ content: "Do it", status: "pending", priority: "high" }],
          },
        },
        { say: "Done." },
      ],
    });
    assert.deepEqual(await run.outcome, { status: "completed", result: "Done." });
    assert.deepEqual(run.events, [
      { type: "turn.started" },
      { type: "reasoning.delta", text: "hm" },
      { type: "message.delta", text: "Hel" },
      { type: "message.delta", text: "lo" },
      { type: "message", role: "assistant", text: "Hello" },
      {
        type: "tool.started",
        toolUseId: "1",
        name: "read",
        title: "Read a file",
        input: { path: "a.txt" },
        kind: "read",
      },
      { type: "tool.output", toolUseId: "1", text: "one" },
      {
        type: "tool.completed",
        toolUseId: "1",
        status: "completed",
        output: "one",
        locations: [{ path: "/a.txt", line: 3 }],
      },
      { type: "plan", entries: [{ text: "Do it", status: "pending", priority: "high" }] },
      { type: "message.delta", text: "Done." },
      { type: "message", role: "assistant", text: "Done." },
      { type: "turn.completed", finishReason: "end_turn" },
    ]);
    assert.deepEqual(run.endedWith, [{ status: "completed", result: "Done." }]);
    assert.deepEqual(run.usage, [{ toolCalls: 1 }, { turns: 1 }]);
    const [hello] = run.received("initialize");
    assert.deepEqual(hello?.params?.["clientCapabilities"], {
      fs: { readTextFile: true, writeTextFile: true },
      terminal: true,
      session: { notices: {} },
      subagents: {},
    });
  });

  it("keeps the order of a thousand chunks and loses none to a slow store", async () => {
    let stored = 0;
    const run = start({
      steps: [...Array.from({ length: 100 }, (_, n) => ({ say: `${n},` })), { many: 900 }],
      ready: async () => {
        stored += 1;
        await new Promise(setImmediate);
      },
    });
    await run.outcome;
    const text = run.ofType("message.delta").map((delta) => delta.text);
    const expected = Array.from({ length: 100 }, (_, n) => `${n},`);
    assert.deepEqual(text.slice(0, 100), expected);
    assert.equal(text.length, 1000);
    assert.ok(stored > 0);
  });

  it("gives a message that comes meanwhile as a further prompt of the same run", async () => {
    const run = start({ steps: [{ say: "first" }, { pauseMs: 200 }] });
    await waitFor(() => run.ofType("message.delta").length > 0, "the first turn");
    const second = JSON.stringify([{ say: "second" }]);
    assert.equal(run.tell(second), "injected");
    assert.deepEqual(run.read, []);
    assert.deepEqual(await run.outcome, { status: "completed", result: "second" });
    assert.equal(run.received("session/prompt").length, 2);
    assert.equal(run.ofType("turn.completed").length, 2);
    assert.equal(run.tell("too late"), "queued");
    assert.deepEqual(run.read, [second]);
  });

  it("has not read a message that it failed before, or on", async () => {
    const before = start({ steps: [{ say: "first" }, { pauseMs: 200 }, { exit: 1 }] });
    await waitFor(() => before.ofType("message.delta").length > 0, "the first turn");
    assert.equal(before.tell("and this"), "injected");
    const on = start({ steps: [{ say: "first" }, { pauseMs: 200 }] });
    await waitFor(() => on.ofType("message.delta").length > 0, "the first turn");
    assert.equal(on.tell(JSON.stringify([{ exit: 1 }])), "injected");
    for (const run of [before, on]) {
      assert.equal((await run.outcome).status, "error");
      assert.deepEqual(run.read, []);
    }
    assert.equal(on.received("session/prompt").length, 2);
  });

  it("has read a message when it has said a word after it", async () => {
    const run = start({ steps: [{ say: "first" }, { pauseMs: 200 }] });
    await waitFor(() => run.ofType("message.delta").length > 0, "the first turn");
    const second = JSON.stringify([{ say: "second" }, { exit: 1 }]);
    run.tell(second);
    assert.equal((await run.outcome).status, "error");
    assert.deepEqual(run.read, [second]);
  });

  it("puts the instructions before the first prompt of a session only", async () => {
    const run = start({ steps: [{ say: "a" }], instructions: "Be brief." });
    await run.outcome;
    const [prompt] = run.received("session/prompt");
    const [block] = (prompt?.params?.["prompt"] ?? []) as { text: string }[];
    assert.ok(block?.text.startsWith('Be brief.\n\n[{"say"'));
  });

  it("shows diffs and titles, and says which sub-agents the agent announces", async () => {
    const sub = (fields: object) => ({
      update: { sessionUpdate: "subagent_update", sessionId: "child", ...fields },
    });
    const inChild = (text: string) => ({
      session: "child",
      update: { sessionUpdate: "agent_message_chunk", content: { type: "text", text } },
    });
    const run = start({
      steps: [
        { update: { sessionUpdate: "session_info_update", title: "A title" } },
        sub({ title: "Survey", description: "Look round" }),
        inChild("I look"),
        {
          session: "child",
          update: {
            sessionUpdate: "subagent_update",
            sessionId: "grandchild",
            title: "Deeper",
          },
        },
        sub({ state: { state: "idle", stopReason: "end_turn" } }),
        sub({ state: { state: "running" } }),
        inChild("again"),
        {
          update: {
            sessionUpdate: "tool_call",
            toolCallId: "1",
            status: "completed",
            kind: "edit",
            title: "Edit",
            content: [{ type: "diff", path: "/a", oldText: "one\n", newText: "two\n" }],
          },
        },
      ],
    });
    await run.outcome;
    assert.deepEqual(run.described, [{ title: "A title" }]);
    assert.deepEqual(
      run.adopted.map(({ child }) => child),
      [
        { toolUseId: "child", title: "Survey", prompt: "Look round" },
        { toolUseId: "grandchild", parentToolUseId: "child", title: "Deeper", prompt: "Deeper" },
        { toolUseId: "child", title: "Survey", prompt: "Look round" },
      ],
    );
    const [first, grandchild, again] = run.adopted;
    assert.deepEqual(first?.outcomes, [{ status: "completed", result: "I look" }]);
    assert.equal(grandchild?.outcomes[0]?.status, "error");
    assert.equal(again?.outcomes[0]?.status, "error");
    assert.deepEqual(again?.events, [
      { type: "message.delta", text: "again" },
      { type: "message", role: "assistant", text: "again" },
    ]);
    const [completed] = run.ofType("tool.completed");
    const { diffs } = (completed?.output ?? { diffs: [] }) as {
      diffs: { path: string; diff: string }[];
    };
    assert.equal(diffs[0]?.path, "/a");
    assert.ok(diffs[0]?.diff.includes("-one\n+two\n"));
  });

  it("shows sub-agents that are tool calls, and what they do as theirs", async () => {
    const meta = { _meta: { claudeCode: { toolName: "Task" } } };
    const below = { _meta: { claudeCode: { parentToolUseId: "task" } } };
    const run = start({
      steps: [
        { update: { sessionUpdate: "tool_call", toolCallId: "task", title: "Task", ...meta } },
        {
          update: {
            sessionUpdate: "tool_call_update",
            toolCallId: "task",
            rawInput: { description: "Count", prompt: "Count the files" },
          },
        },
        {
          update: {
            sessionUpdate: "agent_message_chunk",
            content: { type: "text", text: "three" },
            ...below,
          },
        },
        { update: { sessionUpdate: "tool_call_update", toolCallId: "task", status: "completed" } },
      ],
    });
    await run.outcome;
    const [task] = run.adopted;
    assert.deepEqual(task?.child, { toolUseId: "task", title: "Count", prompt: "Count the files" });
    assert.deepEqual(task?.events[0], { type: "message.delta", text: "three" });
    assert.equal(task?.outcomes[0]?.status, "completed");
    assert.deepEqual(run.ofType("message.delta"), []);
  });
});
