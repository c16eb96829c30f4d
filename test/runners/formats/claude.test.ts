/** What Claude Code, and what speaks like it, prints and is told. */
import assert from "node:assert/strict";
import { commandRunner } from "../../../daemon/runners/command/command.ts";
import { createProcesses } from "../../../daemon/processes/processes.ts";
import { checkLeaks } from "../../support/leaks.ts";
import {
  startFormatRun,
  type FormatRun,
  type FormatRunOptions,
} from "../../support/formatContext.ts";
import { silentLog } from "../../support/silentLog.ts";
import { waitFor } from "../../support/waitFor.ts";

const processes = createProcesses({ log: silentLog });
const runner = commandRunner({ processes, log: silentLog, lingerMs: 100 });

/** Starts runs, and ends them after each test. */
function testRuns() {
  let runs: FormatRun[] = [];
  afterEach("end the runs and remove their folders", async () => {
    for (const run of runs) {
      run.abort();
      await run.outcome;
      run.remove();
    }
    runs = [];
  });
  return (options: Omit<FormatRunOptions, "runner" | "processes">) => {
    const run = startFormatRun({ runner, processes, ...options });
    runs.push(run);
    return run;
  };
}

const texts = (run: Pick<FormatRun, "events">) =>
  run.events.flatMap((event) => (event.type === "message" ? [event.text] : []));

describe("claude-stream-json", () => {
  checkLeaks();
  const start = testRuns();
  const play = (scene: string, more: { remembered?: Record<string, string> } = {}) =>
    start({ format: "claude-stream-json", agent: "json-claude.mjs", args: [scene], ...more });

  it("tells what happens, in order", async () => {
    const run = play("happy");
    await run.outcome;
    const read = { toolUseId: "toolu_1", name: "Read" };
    const bash = { toolUseId: "toolu_2", name: "Bash" };
    const todo = { toolUseId: "toolu_3", name: "TodoWrite" };
    const command = { command: "false\nx", description: "fails" };
    const todos = [{ content: "do", status: "in_progress", activeForm: "doing" }];
    const error = { code: "overloaded", message: "overloaded (529)", retryable: true };
    assert.deepEqual(run.events, [
      { type: "turn.started" },
      { type: "reasoning.delta", text: "I will " },
      { type: "reasoning.delta", text: "look." },
      { type: "message.delta", text: "Reading " },
      { type: "message.delta", text: "it." },
      { type: "message", role: "assistant", text: "Reading it." },
      {
        type: "tool.started",
        ...read,
        title: "Read /w/a.ts",
        input: { file_path: "/w/a.ts", offset: 3 },
        kind: "read",
      },
      {
        type: "tool.completed",
        toolUseId: "toolu_1",
        status: "completed",
        output: "one\ntwo",
        locations: [{ path: "/w/a.ts", line: 3 }],
      },
      { type: "retry", attempt: 2, inMs: 500, error },
      { type: "tool.started", ...bash, title: "false", input: command, kind: "execute" },
      { type: "tool.completed", toolUseId: "toolu_2", status: "failed", output: "exit 1" },
      { type: "tool.started", ...todo, title: "TodoWrite", input: { todos }, kind: "think" },
      { type: "plan", entries: [{ text: "do", status: "in_progress" }] },
      { type: "tool.completed", toolUseId: "toolu_3", status: "completed", output: "ok" },
      { type: "message", role: "assistant", text: "All done." },
      { type: "turn.completed", finishReason: "end_turn" },
    ]);
    assert.deepEqual(run.described, [{ model: "m-1" }]);
  });

  it("counts each call of the model once, and comes to the totals of the result line", async () => {
    const run = play("happy");
    await run.outcome;
    assert.deepEqual(run.usage, {
      inputTokens: 357,
      outputTokens: 63,
      cachedInputTokens: 300,
      costUsd: 0.25,
      turns: 3,
      toolCalls: 3,
    });
  });

  it("comes to the usage of a result line that does not say it per model, in each run anew", async () => {
    const first = play("older");
    await first.outcome;
    const { inputTokens, cachedInputTokens, outputTokens, costUsd } = first.usage;
    assert.deepEqual([inputTokens, cachedInputTokens, outputTokens, costUsd], [345, 300, 60, 0.25]);
    const second = play("older", { remembered: first.remembered });
    await second.outcome;
    assert.deepEqual([second.usage.outputTokens, second.usage.costUsd], [60, 0]);
  });

  it("takes off what an earlier run of the same session had counted", async () => {
    const first = play("happy");
    await first.outcome;
    assert.equal(first.remembered["sessionId"], "claude-session");
    const total = JSON.stringify({ costUsd: 0.2, inputTokens: 20 });
    const second = play("happy", { remembered: { ...first.remembered, usageTotal: total } });
    await second.outcome;
    assert.ok(Math.abs(second.usage.costUsd - 0.05) < 1e-9);
    const another = { ...first.remembered, usageOfSession: "another" };
    const third = play("happy", { remembered: another });
    await third.outcome;
    assert.equal(third.usage.costUsd, 0.25);
  });

  it("keeps the typed error of a result line, whatever its subtype", async () => {
    const run = play("failure");
    assert.deepEqual(await run.outcome, {
      status: "error",
      error: { code: "overloaded", message: "API Error: Overloaded", retryable: true },
      result: "API Error: Overloaded",
    });
    assert.equal(run.usage.costUsd, 0.5);
  });

  it("adopts sub-agents at any depth, once, and ends them with their result", async () => {
    const run = play("nested");
    assert.equal((await run.outcome).status, "completed");
    const title = (id: string) => ({ title: `${id} title`, prompt: `${id} prompt` });
    const outcomes = run.adopted.map(({ child, outcomes: [outcome] }) => ({ child, outcome }));
    const late = "The sub-agent had not ended when its parent did.";
    const failed = (code: string, message: string) => ({
      status: "error",
      error: { code, message, retryable: false },
    });
    assert.deepEqual(outcomes, [
      {
        child: { toolUseId: "task_a", ...title("task_a") },
        outcome: { status: "completed", result: "a result" },
      },
      {
        child: { toolUseId: "agent_b", parentToolUseId: "task_a", ...title("agent_b") },
        outcome: failed("internal", "b failed"),
      },
      {
        child: { toolUseId: "dispatch_c", ...title("dispatch_c") },
        outcome: { status: "completed", result: "c done" },
      },
      {
        child: { toolUseId: "spawn_d", ...title("spawn_d") },
        outcome: { ...failed("aborted", late), result: "d speaks" },
      },
      {
        child: { toolUseId: "agent_e", parentToolUseId: "spawn_d", ...title("agent_e") },
        outcome: failed("aborted", late),
      },
    ]);
    // What comes after its end goes to the nearest one above that lives.
    assert.deepEqual(
      run.adopted.map((child) => texts(child)),
      [["a speaks", "b too late"], [], ["c goes on"], ["d speaks"], []],
    );
    assert.deepEqual(texts(run), ["lost", "Both are back."]);
    const [grep] = run.adopted[1]?.events ?? [];
    assert.equal(grep?.type === "tool.started" && grep.name, "Grep");
    assert.deepEqual(
      run.adopted.map(({ usage }) => [usage.turns, usage.toolCalls]),
      [
        [3, 1],
        [1, 1],
        [1, 0],
        [2, 1],
        [0, 0],
      ],
    );
  });

  it("counts what sub-agents used once in all", async () => {
    const run = play("nested");
    await run.outcome;
    const all = [run, ...run.adopted].map(({ usage }) => usage);
    const sum = (name: "inputTokens" | "outputTokens") =>
      all.reduce((total, usage) => total + usage[name], 0);
    // Twelve calls of 115 tokens are more than the result line knows of; nothing is added to them.
    assert.deepEqual([sum("inputTokens"), sum("outputTokens")], [1380, 63]);
  });
});

describe("qwen-stream-json", () => {
  checkLeaks();
  const start = testRuns();
  const play = (scene: string) =>
    start({ format: "qwen-stream-json", agent: "json-qwen.mjs", args: [scene] });

  it("counts cached input as part of the input", async () => {
    const run = play("happy");
    await run.outcome;
    assert.deepEqual(run.usage, {
      inputTokens: 130,
      outputTokens: 20,
      cachedInputTokens: 80,
      costUsd: 0,
      turns: 2,
      toolCalls: 1,
    });
    const [tool] = run.ofType("tool.started");
    assert.deepEqual([tool?.kind, tool?.title], ["execute", "ls"]);
  });

  it("adopts, and is not ended by the result line of a sub-agent", async () => {
    const run = play("nested");
    assert.deepEqual(await run.outcome, { status: "completed", result: "One file." });
    assert.deepEqual(
      run.adopted.map(({ child, outcomes: [outcome] }) => [child.title, outcome?.status]),
      [
        ["outer", "error"],
        ["inner", "completed"],
      ],
    );
    assert.equal(run.adopted[1]?.child.parentToolUseId, "call_a");
  });

  it("types its errors", async () => {
    const outcome = await play("failure").outcome;
    assert.equal(outcome.status === "error" && outcome.error.code, "max_turns");
    assert.equal(outcome.status === "error" && outcome.error.message, "Reached max turns");
  });
});

describe("claude-stream-json, both ways", () => {
  checkLeaks();
  const start = testRuns();
  const talk = (prompt: string, more: Partial<FormatRunOptions> = {}) =>
    start({
      format: "claude-stream-json",
      agent: "json-claude-talk.mjs",
      promptVia: "stdin",
      prompt,
      ...more,
    });
  const heard = (run: FormatRun, words: string) =>
    waitFor(() => texts(run).includes(`heard ${words}`), words, { describe: () => run.events });

  it("gives the prompt as a message, and closes stdin at the end", async () => {
    const run = talk("end");
    assert.deepEqual(await run.outcome, { status: "completed", result: "fine" });
    assert.deepEqual(texts(run), ["heard end"]);
    assert.deepEqual(run.ofType("note"), [{ type: "note", level: "info", text: "stdin ended" }]);
    assert.equal(run.send("too late"), "queued");
  });

  it("gives messages to the live run", async () => {
    const run = talk("hold");
    await heard(run, "hold");
    assert.equal(run.send("and more"), "injected");
    await heard(run, "and more");
    assert.deepEqual(run.read, ["and more"]);
    assert.equal(run.send("end"), "injected");
    assert.equal((await run.outcome).status, "completed");
    assert.deepEqual(run.read, ["and more", "end"]);
  });

  it("asks, and passes on the answer with changed input", async () => {
    const run = talk("ask", {
      answer: () => Promise.resolve({ decision: "allowAlways", input: { command: "ls" } }),
    });
    assert.equal((await run.outcome).status, "completed");
    assert.deepEqual(run.asked, [
      {
        toolName: "Bash",
        kind: "execute",
        title: "rm x",
        input: { command: "rm x" },
        toolUseId: "toolu_1",
        subject: "rm x",
      },
    ]);
    const answer = { behavior: "allow", updatedInput: { command: "ls" } };
    assert.ok(texts(run).includes(`answered ${JSON.stringify(answer)}`));
  });

  it("passes the input back when nothing was changed", async () => {
    const run = talk("ask");
    await run.outcome;
    const answer = { behavior: "allow", updatedInput: { command: "rm x" } };
    assert.ok(texts(run).includes(`answered ${JSON.stringify(answer)}`));
  });

  it("denies with the reason, and shows the call as denied", async () => {
    const run = talk("ask", {
      answer: () => Promise.resolve({ decision: "denyOnce", message: "not that file" }),
    });
    await run.outcome;
    const answer = { behavior: "deny", message: "not that file" };
    assert.ok(texts(run).includes(`answered ${JSON.stringify(answer)}`));
    assert.equal(run.ofType("tool.completed")[0]?.status, "denied");
  });

  it("denies when nobody can be asked", async () => {
    const run = talk("ask", { answer: () => Promise.reject(new Error("no store")) });
    await run.outcome;
    assert.ok(texts(run).some((text) => text.includes("The request failed: Error: no store")));
  });

  it("does not answer what was withdrawn", async () => {
    const run = talk("withdraw", {
      answer: async (_question, signal) => {
        await new Promise((resolve) => signal.addEventListener("abort", resolve));
        return { decision: "allowOnce" };
      },
    });
    assert.equal((await run.outcome).status, "completed");
    assert.equal(run.asked.length, 1);
    assert.ok(!texts(run).some((text) => text.startsWith("answered")));
  });

  it("refuses requests that it knows nothing of", async () => {
    const run = talk("hook");
    await waitFor(() => texts(run).some((text) => text.startsWith("answered")), "the answer");
    assert.ok(texts(run).includes('answered "hook_callback is not answered here."'));
  });

  it("interrupts politely, without a signal", async () => {
    const run = talk("hold", { termAfterMs: 10_000 });
    await heard(run, "hold");
    run.abort();
    assert.deepEqual(await run.outcome, { status: "aborted", result: "heard hold" });
    assert.equal(run.ofType("turn.completed").length, 1);
    assert.deepEqual(await processes.find({ runId: run.runId, records: run.started }), []);
  });

  it("ends what does not hear the polite word", async () => {
    const run = talk("hold", { args: ["deaf"], termAfterMs: 50 });
    await heard(run, "hold");
    run.abort();
    assert.deepEqual(await run.outcome, { status: "aborted", result: "heard hold" });
    assert.deepEqual(await processes.find({ runId: run.runId, records: run.started }), []);
  });

  it("answers an open question when the run has to end", async () => {
    const run = talk("ask", {
      answer: async (_question, signal) => {
        await new Promise((resolve) => signal.addEventListener("abort", resolve));
        return { decision: "expired" };
      },
    });
    await waitFor(() => run.asked.length > 0, "the question");
    run.abort();
    assert.equal((await run.outcome).status, "aborted");
    assert.ok(texts(run).some((text) => text.includes("The run ended before anybody answered.")));
  });
});
