/** The parts that formats share, by themselves. */
import assert from "node:assert/strict";
import { errorOfText } from "../../../daemon/runners/formats/agentErrors.ts";
import {
  claudeVerdict,
  type ClaudeTrouble,
} from "../../../daemon/runners/formats/claudeVerdict.ts";
import { jsonLines } from "../../../daemon/runners/formats/jsonLines.ts";
import { kindOf, planOf, subAgentOf, titleOf } from "../../../daemon/runners/formats/toolFacts.ts";
import {
  createUsageLedger,
  sinceEarlierRuns,
} from "../../../daemon/runners/formats/usageLedger.ts";
import { checkLeaks } from "../../support/leaks.ts";
import { codeOfStatus, runError } from "../../../daemon/base/errors.ts";

describe("lines of JSON", () => {
  checkLeaks();

  function read(chunks: readonly Uint8Array[]): unknown[] {
    const given: unknown[] = [];
    const lines = jsonLines({
      object: (json) => given.push(json),
      other: (text) => given.push(text),
      mostBytes: 1_000,
      tooLong: (beginning) => given.push({ beginning: beginning.length }),
    });
    for (const chunk of chunks) lines.write(chunk);
    lines.flush();
    return given;
  }
  const bytes = (text: string) => Buffer.from(text);

  it("puts lines together that come byte by byte", () => {
    const text = '{"a":"€𝄞"}\r\n\n  \nwords €\n{"b":[1]}';
    const expected = [{ a: "€𝄞" }, "words €\n", { b: [1] }];
    assert.deepEqual(read([...bytes(text)].map((byte) => Uint8Array.of(byte))), expected);
    assert.deepEqual(read([bytes(text)]), expected);
  });

  it("drops what is too long, and goes on", () => {
    const long = Buffer.alloc(1_001, "x");
    const after = bytes('\n{"a":1}\n');
    const expected = [{ beginning: 200 }, { a: 1 }];
    assert.deepEqual(read([Buffer.concat([long, after])]), expected);
    const parts = Array.from({ length: 11 }, (_, n) => long.subarray(n * 100, (n + 1) * 100));
    assert.deepEqual(read([...parts, after]), expected);
  });
});

describe("errors of agents", () => {
  checkLeaks();

  const texts: readonly [string, string][] = [
    ["exceeded retry limit, last status: 429 Too Many Requests, request id: x", "throttled"],
    ["unexpected status 401 Unauthorized: {}", "auth"],
    ["unexpected status 500 Internal Server Error", "server_error"],
    ["API Error: 529 {}", "overloaded"],
    ['429 {"error":{"type":"insufficient_quota"}}', "quota"],
    ["You've hit your usage limit. Try again at 3 pm.", "quota"],
    ["stream disconnected before completion: reset", "network"],
    ["[API Error: Resource has been exhausted (Status: RESOURCE_EXHAUSTED)]", "throttled"],
    ["Not logged in · Please run /login", "auth"],
    ["prompt is too long: 210000 tokens", "invalid_request"],
    ["TypeError: x is not a function at line 4300", "internal"],
  ];
  for (const [text, code] of texts) {
    it(`takes "${text.slice(0, 40)}" for ${code}`, () => {
      assert.equal(errorOfText(text).code, code);
    });
  }

  it("says which can be tried again", () => {
    const codes = [401, 402, 404, 408, 429, 500, 503, 529].map((status) => codeOfStatus(status));
    assert.deepEqual(
      codes.map((code) => code && runError(code, "").retryable),
      [false, false, false, true, true, true, true, true],
    );
    assert.equal(codeOfStatus(200), undefined);
  });

  it("reads the result lines of Claude Code", () => {
    const code = (result: Record<string, unknown>, trouble: ClaudeTrouble = {}) => {
      const outcome = claudeVerdict.ofResult(result, trouble, "said");
      return outcome.status === "error" ? outcome.error.code : outcome.status;
    };
    const failed = { subtype: "success", is_error: true, result: "no" };
    assert.deepEqual(
      [
        code({ subtype: "success", is_error: false }),
        code({ subtype: "success", is_error: false, stop_reason: "refusal" }),
        code({ subtype: "error_max_turns", is_error: false }),
        code({ subtype: "error_max_budget_usd", is_error: true }),
        code({ ...failed, api_error_status: 401 }),
        code({ ...failed, api_error_status: 429 }),
        code({ ...failed, api_error_status: 429 }, { isOverQuota: true }),
        code(failed, { apiError: "billing_error" }),
        code({ subtype: "error_during_execution", errors: ["fetch failed"] }),
        code({ subtype: "error_during_execution", startup_failure_reason: "cwd_unavailable" }),
        code(failed, { apiError: "unknown" }),
      ],
      [
        "completed",
        "refused",
        "max_turns",
        "budget_exceeded",
        "auth",
        "throttled",
        "quota",
        "quota",
        "network",
        "invalid_request",
        "internal",
      ],
    );
  });
});

describe("what tools tell", () => {
  checkLeaks();

  it("knows the tools of all agents by their names", () => {
    const names = ["Read", "read_file", "MultiEdit", "replace", "Bash", "run_shell_command"];
    assert.deepEqual(names.map(kindOf), ["read", "read", "edit", "edit", "execute", "execute"]);
    assert.deepEqual(["WebFetch", "mcp__x__y"].map(kindOf), ["fetch", "other"]);
  });

  it("makes titles of one line", () => {
    assert.equal(titleOf("Bash", { command: "a\nb" }), "a");
    assert.equal(titleOf("Grep", { pattern: "x".repeat(500) }).length, 120);
    assert.equal(titleOf("odd", [1]), "odd");
  });

  it("takes no tool of an MCP server for a sub-agent of the agent", () => {
    const input = { prompt: "p" };
    assert.deepEqual(subAgentOf("spawn_agent", input), { title: "p", prompt: "p" });
    assert.deepEqual(subAgentOf("Task", {}), { title: "Task", prompt: "" });
    assert.equal(subAgentOf("mcp__offshoot__spawn_agent", input), undefined);
  });

  it("reads plans of other shapes", () => {
    const todos = [{ content: "a", status: "completed", priority: "high" }, { content: "b" }, 3];
    const expected = [{ text: "a", status: "completed", priority: "high" }];
    assert.deepEqual(planOf("todowrite", { todos }), expected);
    assert.equal(planOf("Read", { todos }), undefined);
  });
});

describe("the usage ledger", () => {
  checkLeaks();

  it("counts nothing twice and nothing negative", () => {
    const own: object[] = [];
    const child: object[] = [];
    const ledger = createUsageLedger({ addUsage: (more) => void own.push(more) });
    ledger.add({ addUsage: (more) => void child.push(more) }, { inputTokens: 5, outputTokens: 9 });
    ledger.settle({ inputTokens: 12, outputTokens: 4, costUsd: 1 });
    ledger.settle({ inputTokens: 12, costUsd: 1.5 });
    ledger.settle({});
    assert.deepEqual(child, [{ inputTokens: 5, outputTokens: 9 }]);
    assert.deepEqual(own, [{ inputTokens: 7, costUsd: 1 }, { costUsd: 0.5 }]);
  });

  it("begins anew when the agent did, and bears what it cannot read", () => {
    const remember = () => undefined;
    const since = (total: string) =>
      sinceEarlierRuns({ remembered: { usageOfSession: "s", usageTotal: total }, remember }, "s");
    assert.deepEqual(since('{"costUsd":2}')({ costUsd: 3 }), { costUsd: 1 });
    assert.deepEqual(since('{"costUsd":2}')({ costUsd: 1 }), { costUsd: 1 });
    assert.deepEqual(since("broken")({ costUsd: 1 }), { costUsd: 1 });
  });
});
