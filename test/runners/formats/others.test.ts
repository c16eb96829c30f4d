/** What codex, gemini, opencode and pi print. */
import assert from "node:assert/strict";
import { commandRunner } from "../../../daemon/runners/command/command.ts";
import type { FormatName } from "../../../daemon/runners/formats/format.ts";
import { createProcesses } from "../../../daemon/processes/processes.ts";
import type { AgentEvent } from "../../../protocol/events.ts";
import { startFormatRun, type FormatRun } from "../../support/formatContext.ts";
import { checkLeaks } from "../../support/leaks.ts";
import { silentLog } from "../../support/silentLog.ts";
import { programs } from "./programs.ts";

describe("the lines of other programs", () => {
  checkLeaks();

  const processes = createProcesses({ log: silentLog });
  const runner = commandRunner({ processes, log: silentLog });
  const runs: FormatRun[] = [];
  afterEach("remove the folders of the runs", async () => {
    for (const run of runs.splice(0)) {
      await run.outcome;
      run.remove();
    }
  });

  async function play(
    format: FormatName,
    scene: string,
    more: { remembered?: Record<string, string>; promptVia?: "stdin" } = {},
  ): Promise<FormatRun> {
    const agent = programs.find((program) => program.format === format)?.agent ?? "";
    const run = startFormatRun({ runner, processes, format, agent, args: [scene], ...more });
    runs.push(run);
    await run.outcome;
    return run;
  }

  async function checkError(run: FormatRun, error: object): Promise<void> {
    const outcome = await run.outcome;
    assert.deepEqual(outcome.status === "error" && outcome.error, error);
  }

  const message = (text: string): AgentEvent => ({ type: "message", role: "assistant", text });
  const warning = (text: string): AgentEvent => ({ type: "note", level: "warning", text });
  const adoptions = (run: FormatRun) =>
    run.adopted.map(({ child, outcomes }) => ({ ...child, outcomes }));

  describe("codex-json", () => {
    it("tells what happens, in order", async () => {
      const run = await play("codex-json", "happy");
      // Its item ids begin anew with every program.
      const id = (n: number) => `${run.runId}.1.item_${n}`;
      const started = (n: number, name: string, title: string, kind: string, input: unknown) => ({
        type: "tool.started",
        toolUseId: id(n),
        name,
        title,
        input,
        kind,
      });
      const completed = (n: number, status: string, output: unknown) => ({
        type: "tool.completed",
        toolUseId: id(n),
        status,
        output,
      });
      const changes = [{ path: "/w/a.ts", kind: "update" }];
      const ls = "/bin/sh -lc 'ls'";
      assert.deepEqual(run.events, [
        { type: "turn.started" },
        warning("a mere warning"),
        { type: "reasoning.delta", text: "**Thinking**" },
        { type: "plan", entries: [{ text: "first", status: "pending" }] },
        started(3, "shell", ls, "execute", { command: ls }),
        { type: "tool.output", toolUseId: id(3), text: "a.ts\n" },
        { type: "tool.output", toolUseId: id(3), text: "b.ts\n" },
        completed(3, "completed", { text: "a.ts\nb.ts\n", exitCode: 0 }),
        started(4, "shell", "rm -r /", "execute", { command: "rm -r /" }),
        completed(4, "denied", { text: "", exitCode: null }),
        started(5, "apply_patch", "apply_patch /w/a.ts", "edit", { changes }),
        { ...completed(5, "completed", null), locations: [{ path: "/w/a.ts" }] },
        started(6, "docs.find", "docs.find", "other", { q: "x" }),
        completed(6, "failed", "no such page"),
        started(7, "web_search", "web_search how", "fetch", { query: "how" }),
        completed(7, "completed", null),
        warning("Reconnecting... 1/5"),
        { type: "plan", entries: [{ text: "first", status: "completed" }] },
        message("It is done."),
        { type: "turn.completed", finishReason: "completed" },
      ]);
    });

    it("closes stdin, also where the prompt goes there", async () => {
      const run = await play("codex-json", "happy", { promptVia: "stdin" });
      assert.equal((await run.outcome).status, "completed");
    });

    it("takes the totals of a thread apart over runs", async () => {
      const first = await play("codex-json", "happy");
      const counted = { ...first.usage };
      assert.deepEqual(counted, {
        inputTokens: 1000,
        outputTokens: 50,
        cachedInputTokens: 800,
        costUsd: 0,
        turns: 1,
        toolCalls: 5,
      });
      const usageTotal = JSON.stringify({ inputTokens: 600, outputTokens: 20 });
      const remembered = { ...first.remembered, usageTotal };
      const resumed = await play("codex-json", "happy", { remembered });
      assert.deepEqual([resumed.usage.inputTokens, resumed.usage.outputTokens], [400, 30]);
    });

    it("types the error of a failed turn by its sentence", async () => {
      await checkError(await play("codex-json", "failure"), {
        code: "auth",
        message: "exceeded retry limit, last status: 401 Unauthorized, request id: x",
        retryable: false,
      });
    });

    it("adopts spawned agents, which outlive the call that starts them", async () => {
      const run = await play("codex-json", "nested");
      assert.deepEqual(adoptions(run), [
        {
          toolUseId: `${run.runId}.1.item_0`,
          title: "Look at tests",
          prompt: "Look at tests\nall of them",
          outcomes: [{ status: "completed", result: "tests are fine" }],
        },
        {
          toolUseId: `${run.runId}.1.item_1`,
          title: "second",
          prompt: "second",
          outcomes: [
            {
              status: "error",
              error: { code: "internal", message: "The sub-agent failed.", retryable: false },
            },
          ],
        },
      ]);
    });
  });

  describe("gemini-stream-json", () => {
    it("tells what happens, in order", async () => {
      const run = await play("gemini-stream-json", "happy");
      assert.deepEqual(run.events, [
        { type: "turn.started" },
        { type: "message.delta", text: "I will " },
        { type: "message.delta", text: "search." },
        message("I will search."),
        {
          type: "tool.started",
          toolUseId: "search-1",
          name: "search_file_content",
          title: "search_file_content x",
          input: { pattern: "x" },
          kind: "search",
        },
        {
          type: "tool.completed",
          toolUseId: "search-1",
          status: "completed",
          output: "2 matches",
        },
        {
          type: "tool.started",
          toolUseId: "write-1",
          name: "write_file",
          title: "write_file /w/a.ts",
          input: { file_path: "/w/a.ts", content: "x" },
          kind: "edit",
        },
        {
          type: "tool.completed",
          toolUseId: "write-1",
          status: "failed",
          output: "read only",
          locations: [{ path: "/w/a.ts" }],
        },
        warning("Loop detected"),
        { type: "message.delta", text: "Fou" },
        { type: "message.delta", text: "nd." },
        message("Found."),
        { type: "turn.completed", finishReason: "success" },
      ]);
      assert.deepEqual(run.described, [{ model: "g-1" }]);
      assert.deepEqual(run.usage, {
        inputTokens: 120,
        outputTokens: 60,
        cachedInputTokens: 20,
        costUsd: 0,
        turns: 3,
        toolCalls: 2,
      });
    });

    it("types its errors", async () => {
      await checkError(await play("gemini-stream-json", "failure"), {
        code: "max_turns",
        message: "Reached max session turns",
        retryable: false,
      });
    });

    it("adopts", async () => {
      const outcomes = [{ status: "completed", result: "helped" }];
      assert.deepEqual(adoptions(await play("gemini-stream-json", "nested")), [
        { toolUseId: "s-1", title: "helper", prompt: "help", outcomes },
      ]);
    });
  });

  describe("opencode-json", () => {
    it("tells what happens, and what each step used", async () => {
      const run = await play("opencode-json", "happy");
      assert.deepEqual(
        run.events.map(({ type }) => type),
        [
          "turn.started",
          "reasoning.delta",
          "tool.started",
          "tool.completed",
          "tool.started",
          "tool.completed",
          "turn.completed",
          "turn.started",
          "message",
          "turn.completed",
        ],
      );
      const [read] = run.ofType("tool.started");
      assert.deepEqual([read?.kind, read?.title], ["read", "a.ts"]);
      const [first, second] = run.ofType("tool.completed");
      assert.deepEqual(first?.locations, [{ path: "/w/a.ts" }]);
      assert.deepEqual([second?.status, second?.output], ["failed", "exit 1"]);
      assert.deepEqual(run.usage, {
        inputTokens: 240,
        outputTokens: 100,
        cachedInputTokens: 30,
        costUsd: 0.02,
        turns: 2,
        toolCalls: 2,
      });
    });

    it("types its errors, with the wait that the provider asks for", async () => {
      await checkError(await play("opencode-json", "failure"), {
        code: "throttled",
        message: "slow down",
        retryable: true,
        retryAfterMs: 7000,
      });
    });

    it("adopts, though it tells of a sub-agent only at its end", async () => {
      const outcomes = [{ status: "completed", result: "seen" }];
      assert.deepEqual(adoptions(await play("opencode-json", "nested")), [
        { toolUseId: "call_t", title: "explore", prompt: "look", outcomes },
      ]);
    });
  });

  describe("pi-json", () => {
    it("tells what happens, and is not ended by what it tries again", async () => {
      const run = await play("pi-json", "happy");
      const error = {
        code: "overloaded",
        message: "503 service unavailable",
        retryable: true,
      } as const;
      assert.deepEqual(
        run.events.filter(({ type }) => !type.startsWith("turn.")),
        [
          { type: "reasoning.delta", text: "ls " },
          { type: "reasoning.delta", text: "it" },
          {
            type: "tool.started",
            toolUseId: "call_1",
            name: "bash",
            title: "ls",
            input: { command: "ls" },
            kind: "execute",
          },
          { type: "tool.output", toolUseId: "call_1", text: "a" },
          { type: "tool.output", toolUseId: "call_1", text: "\nb" },
          {
            type: "tool.completed",
            toolUseId: "call_1",
            status: "completed",
            output: "a\nb\n",
          },
          { type: "retry", attempt: 2, inMs: 2000, error },
          { type: "message.delta", text: "Lis" },
          { type: "message.delta", text: "ted." },
          message("Listed."),
        ],
      );
      assert.deepEqual(
        run.ofType("turn.completed").map(({ finishReason }) => finishReason),
        ["toolUse", "error", "stop"],
      );
      assert.deepEqual(
        { ...run.usage, costUsd: Math.round(run.usage.costUsd * 1000) },
        {
          inputTokens: 45,
          outputTokens: 18,
          cachedInputTokens: 12,
          costUsd: 6,
          turns: 3,
          toolCalls: 1,
        },
      );
    });

    it("types the error of the last message", async () => {
      await checkError(await play("pi-json", "failure"), {
        code: "quota",
        message: '402 {"error":"credit balance is too low"}',
        retryable: false,
      });
    });

    it("adopts", async () => {
      const error = { code: "internal", message: "not found", retryable: false };
      assert.deepEqual(adoptions(await play("pi-json", "nested")), [
        {
          toolUseId: "call_s",
          title: "scout",
          prompt: "find it",
          outcomes: [{ status: "error", error }],
        },
      ]);
    });
  });
});
