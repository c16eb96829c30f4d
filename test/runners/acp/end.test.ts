/** How runs of ACP agents end: cancelled, crashed, refused, silent; and that nothing stays behind. */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { acpSuite } from "../../support/acpSuite.ts";
import type { AcpRun } from "../../support/acpRun.ts";
import { checkLeaks } from "../../support/leaks.ts";
import { waitFor } from "../../support/waitFor.ts";

describe("the end of a run over ACP", () => {
  checkLeaks();
  const start = acpSuite();
  const hasSpoken = (run: AcpRun) =>
    waitFor(() => run.ofType("message.delta").length > 0, "the agent to speak", {
      describe: () => run.events,
    });
  const pidOf = (run: AcpRun) => {
    const text = run.ofType("message.delta").map((delta) => delta.text);
    const line = text.find((one) => one.startsWith("started "));
    return line === undefined ? undefined : Number(line.slice("started ".length));
  };
  const isAlive = (pid: number) => {
    try {
      return !execFileSync("ps", ["-o", "stat=", "-p", String(pid)], { encoding: "utf8" })
        .trim()
        .startsWith("Z");
    } catch {
      return false;
    }
  };

  it("cancels by the protocol first and keeps what was said", async () => {
    const run = start({
      steps: [{ say: "so far" }, { hang: true }],
      setUp: { afterCancel: [{ say: ", and no further" }] },
    });
    await hasSpoken(run);
    run.abort();
    assert.deepEqual(await run.outcome, { status: "aborted", result: "so far, and no further" });
    assert.equal(run.received("session/cancel").length, 1);
    assert.deepEqual(run.events.at(-1), { type: "turn.completed", finishReason: "cancelled" });
    assert.deepEqual(run.endedWith, []);
  });

  it("ends an agent that is deaf, that ignores TERM and the end of its stdin", async () => {
    const run = start({
      steps: [{ say: "here" }, { hang: true }],
      setUp: { deaf: true, stubborn: true },
      grace: { termAfterMs: 50, killAfterMs: 50 },
    });
    await hasSpoken(run);
    run.abort();
    assert.equal((await run.outcome).status, "aborted");
  });

  it("ends the running tool that a cancelled agent leaves alive, in a session of its own", async () => {
    const run = start({
      steps: [{ start: ["sleep", "1000"], detached: true }, { hang: true }],
      grace: { termAfterMs: 2000, killAfterMs: 500 },
    });
    await hasSpoken(run);
    const pid = pidOf(run) ?? 0;
    assert.ok(isAlive(pid));
    run.abort();
    await run.outcome;
    assert.ok(!isAlive(pid));
  });

  it("marks what was open as cancelled, sub-agents too", async () => {
    const run = start({
      steps: [
        { update: { sessionUpdate: "subagent_update", sessionId: "child", title: "Survey" } },
        {
          update: {
            sessionUpdate: "tool_call",
            toolCallId: "1",
            title: "Sleep",
            status: "in_progress",
          },
        },
        { hang: true },
      ],
    });
    await waitFor(() => run.ofType("tool.started").length > 0, "the tool call");
    run.abort();
    await run.outcome;
    assert.equal(run.ofType("tool.completed")[0]?.status, "cancelled");
    assert.deepEqual(run.adopted[0]?.outcomes[0]?.status, "aborted");
  });

  it("cancels an agent that does not even answer the first request", async () => {
    const run = start({ setUp: { silent: true } });
    await waitFor(() => run.started.length > 0, "the agent to start");
    run.abort();
    assert.deepEqual(await run.outcome, { status: "aborted" });
  });

  it("answers an open question with `cancelled` when the run has to end", async () => {
    let expire = () => {};
    const expired = new Promise<void>((tell) => (expire = tell));
    const run = start({
      steps: [
        {
          request: "session/request_permission",
          params: {
            toolCall: { toolCallId: "1", title: "Dangerous" },
            options: [{ optionId: "a", name: "Allow", kind: "allow_once" }],
          },
          as: "permission",
        },
        { sayAnswer: "permission" },
      ],
      answer: async () => {
        await expired;
        return { decision: "expired" };
      },
    });
    await waitFor(() => run.asked.length > 0, "the question");
    run.abort();
    expire();
    assert.equal((await run.outcome).status, "aborted");
    const answers = run.received().filter(({ method }) => method === undefined);
    assert.deepEqual(answers[0]?.result, { outcome: { outcome: "cancelled" } });
  });

  it("ends an agent that never exits by itself after its turn, and what it left behind", async () => {
    const run = start({
      steps: [{ start: ["sleep", "1000"], detached: true }],
      setUp: { staysOpen: true },
    });
    const outcome = await run.outcome;
    assert.equal(outcome.status, "completed");
    const pid = pidOf(run) ?? 0;
    assert.ok(pid > 0 && !isAlive(pid));
  });

  it("is runner_crashed, and retryable, with the last words of an agent that dies", async () => {
    const exits = start({ steps: [{ say: "so far" }, { stderr: "out of memory\n" }, { exit: 7 }] });
    assert.deepEqual(await exits.outcome, {
      status: "error",
      error: {
        code: "runner_crashed",
        message: "The agent exited with code 7 in the middle of its run: out of memory",
        retryable: true,
        exitCode: 7,
      },
      result: "so far",
    });
    assert.equal(exits.output("stderr"), "out of memory\n");
    const killed = start({ steps: [{ kill: "SIGKILL" }] });
    const outcome = await killed.outcome;
    assert.ok(outcome.status === "error");
    assert.equal(outcome.error.signal, "SIGKILL");
    const closes = start({ steps: [{ closeOutput: true }, { hang: true }] });
    const closed = await closes.outcome;
    assert.ok(closed.status === "error" && closed.error.code === "runner_crashed");
    assert.match(closed.error.message, /closed its output/);
  });

  it("says so when a program does not speak ACP", async () => {
    const check = async (command: string, args: string[], code: string, words: RegExp) => {
      const outcome = await start({ config: { kind: "acp", command, args } }).outcome;
      assert.ok(outcome.status === "error");
      assert.equal(outcome.error.code, code);
      assert.equal(outcome.error.retryable, false);
      assert.match(outcome.error.message, words);
    };
    await check("/bin/sh", ["-c", "echo usage >&2; exit 2"], "protocol_error", /ACP\?: usage$/);
    await check("no-such-agent", [], "command_not_found", /was not found on the PATH/);
    const missing = await start({ cwd: "/no/such/folder" }).outcome;
    assert.ok(missing.status === "error" && missing.error.code === "cwd_not_found");
  });

  it("turns stop reasons into typed ends", async () => {
    const codes: unknown[] = [];
    for (const stopReason of ["max_tokens", "max_turn_requests", "refusal", "cancelled", "tired"]) {
      const outcome = await start({ steps: [{ say: "x" }, { answer: { stopReason } }] }).outcome;
      assert.ok(outcome.status === "error" && outcome.result === "x");
      codes.push([stopReason, outcome.error.code]);
    }
    assert.deepEqual(codes, [
      ["max_tokens", "budget_exceeded"],
      ["max_turn_requests", "max_turns"],
      ["refusal", "refused"],
      ["cancelled", "aborted"],
      ["tired", "protocol_error"],
    ]);
  });

  it("turns errors into typed ends, by their codes", async () => {
    const codeFor = async (error: object) => {
      const outcome = await start({ steps: [{ error }] }).outcome;
      assert.ok(outcome.status === "error");
      return [outcome.error.code, outcome.error.retryable];
    };
    const message = "it went wrong";
    const internal = { code: -32603, message };
    assert.deepEqual(await codeFor({ code: -32602, message }), ["protocol_error", false]);
    assert.deepEqual(await codeFor({ code: -32000, message }), ["auth", false]);
    assert.deepEqual(await codeFor(internal), ["internal", false]);
    assert.deepEqual(await codeFor({ ...internal, data: { status: 429 } }), ["throttled", true]);
    assert.deepEqual(await codeFor({ ...internal, data: { status: 500 } }), ["server_error", true]);
    assert.deepEqual(
      await codeFor({ ...internal, data: { code: "overloaded", retryable: true } }),
      ["overloaded", true],
    );
  });

  it("warns when `end_turn` follows nothing but an error, and only then", async () => {
    const warnings = async (steps: object[]) => {
      const run = start({ steps });
      assert.equal((await run.outcome).status, "completed");
      return run.ofType("note").filter(({ level }) => level === "warning").length;
    };
    assert.equal(await warnings([{ say: "API Error: 500 internal server error" }]), 1);
    assert.equal(await warnings([{ say: "unexpected status 503: try later" }]), 1);
    assert.equal(await warnings([]), 1);
    assert.equal(await warnings([{ say: "I fixed the error handling in a.ts." }]), 0);
  });
});
