import assert from "node:assert/strict";
import { chmodSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { commandRunner } from "../../daemon/runners/command/command.ts";
import { createProcesses, type Processes } from "../../daemon/processes/processes.ts";
import { processSource } from "../../daemon/processes/processTable.ts";
import type { CommandRunner } from "../../protocol/config.ts";
import { checkLeaks } from "../support/leaks.ts";
import { agentFile, startRun } from "../support/runContext.ts";
import type { TestRun, TestRunOptions } from "../support/runContext.ts";
import { silentLog } from "../support/silentLog.ts";
import { waitFor } from "../support/waitFor.ts";

const mib = 1024 * 1024;

describe("the runner command", () => {
  checkLeaks();

  const processes = createProcesses({ log: silentLog });
  const runner = commandRunner({ processes, log: silentLog });
  let runs: TestRun[] = [];
  afterEach("end the runs and remove their folders", async () => {
    for (const run of runs) {
      run.abort();
      await run.outcome;
      run.remove();
    }
    runs = [];
  });

  function start(
    command: string,
    args: string[],
    more: Partial<Omit<CommandRunner, "kind">> & Omit<Partial<TestRunOptions>, "config"> = {},
  ): TestRun {
    const { promptVia, env, format, resumeArgs, cwd, ...options } = more;
    const config = Object.fromEntries(
      Object.entries({ promptVia, env, format, resumeArgs }).filter(
        ([, value]) => value !== undefined,
      ),
    );
    const run = startRun({
      runner,
      processes,
      config: { kind: "command", command, args, ...config },
      ...(cwd === undefined ? {} : { cwd }),
      ...options,
    });
    runs.push(run);
    return run;
  }
  const startAgent = (name: string, args: string[] = [], more: Parameters<typeof start>[2] = {}) =>
    start(process.execPath, [agentFile(name), ...args], more);

  /** Runs: what has ended and waits for the first process to take note of it does not. */
  function isAlive(pid: number): boolean {
    const record = processes.identify(pid);
    return record !== undefined && processSource().runs(record) === true;
  }

  /** Nothing that a run has started is alive. */
  async function checkAllGone(run: TestRun): Promise<void> {
    assert.deepEqual(await processes.find({ runId: run.runId, records: run.started }), []);
  }

  it("completes with the end of stdout", async () => {
    const run = startAgent("finish.mjs", ["0", "one\ntwo\n", "on the side\n"]);
    assert.deepEqual(await run.outcome, { status: "completed", result: "one\ntwo\n" });
    const onStdout = run.events.filter((e) => e.type === "output" && e.stream === "stdout");
    assert.deepEqual(onStdout, [
      { type: "output", stream: "stdout", text: "one\n" },
      { type: "output", stream: "stdout", text: "two\n" },
    ]);
    assert.equal(run.output("stderr"), "on the side\n");
    assert.equal(run.started.length, 1);
    assert.equal(run.endedWith[0]?.status, "completed");
    assert.ok(run.activities[0]?.includes("finish.mjs 0 one two on the side"));
  });

  it("keeps 16 KiB of the end", async () => {
    const run = start("/bin/sh", ["-c", "yes € | head -n 20000"]);
    const outcome = await run.outcome;
    assert.equal(outcome.result, "€\n".repeat(16384 / 4));
    assert.equal(run.output(), "€\n".repeat(20000));
  });

  it("fails with the exit code and the last words", async () => {
    const run = startAgent("finish.mjs", ["3", "so far", "warning\nit is broken\n"]);
    assert.deepEqual(await run.outcome, {
      status: "error",
      error: {
        code: "exit_nonzero",
        message: "exited with code 3: it is broken",
        retryable: false,
        exitCode: 3,
      },
      result: "so far",
    });
  });

  it("fails with the signal", async () => {
    assert.deepEqual(await startAgent("finish.mjs", ["SIGSEGV"]).outcome, {
      status: "error",
      error: {
        code: "exit_nonzero",
        message: "ended by signal SIGSEGV",
        retryable: false,
        signal: "SIGSEGV",
      },
    });
  });

  it("says the last line as its activity", async () => {
    const run = startAgent("talk.mjs");
    await waitFor(
      () => run.activities.find((label) => /^line \d+$/.test(label)),
      "an activity from the output",
      { describe: () => run.activities },
    );
    run.abort();
    await run.outcome;
  });

  it("ends a program that talks for ever", async () => {
    const run = startAgent("talk.mjs");
    await waitFor(() => run.output().includes("line 3\n"), "some lines");
    run.abort();
    const outcome = await run.outcome;
    assert.equal(outcome.status, "aborted");
    assert.ok(outcome.result?.includes("line 3\n"));
    assert.deepEqual(run.endedWith, []);
    const told = run.events.length;
    await checkAllGone(run);
    assert.equal(run.events.length, told);
  });

  it("kills a program that ignores TERM", async () => {
    const run = startAgent("stubborn.mjs", [], { killAfterMs: 300 });
    await waitFor(() => run.output().includes("ready"), "the program");
    run.abort();
    assert.deepEqual(await run.outcome, { status: "aborted", result: "ready\nheard TERM\n" });
    await checkAllGone(run);
  });

  it("does not start what was aborted before", async () => {
    const run = startAgent("finish.mjs");
    run.abort();
    assert.deepEqual(await run.outcome, { status: "aborted" });
    assert.deepEqual(run.started, []);
  });

  it("says how it ended by itself when the cancel comes too late", async () => {
    const late: Processes = {
      ...processes,
      endProcesses(task) {
        run.abort();
        return processes.endProcesses(task);
      },
    };
    const run = startAgent("finish.mjs", ["0", "done"], { processes: late });
    assert.deepEqual(await run.outcome, { status: "completed", result: "done" });
  });

  for (const how of ["cancelled", "ended"]) {
    it(`ends what got away from a run that was ${how}`, async () => {
      const run = startAgent("scatter.mjs", how === "ended" ? ["end"] : [], { killAfterMs: 200 });
      await waitFor(() => run.output().endsWith("}\n"), "the pids", { describe: () => run.events });
      const pids = JSON.parse(run.output()) as Record<string, number>;
      if (how === "cancelled") run.abort();
      assert.equal((await run.outcome).status, how === "ended" ? "completed" : "aborted");
      await checkAllGone(run);
      const alive = Object.entries(pids).filter(([, pid]) => isAlive(pid));
      // Without mark, parent and session nothing can be found once its parent has ended.
      const canBeFound = alive.filter(([name]) => how === "cancelled" || name !== "bareChild");
      for (const [, pid] of alive) process.kill(-pid, "SIGKILL");
      assert.deepEqual(canBeFound, []);
    });
  }

  it("ends with its program, though a child holds its stdout", async () => {
    const run = startAgent("holdOutput.mjs");
    const outcome = await run.outcome;
    assert.equal(outcome.status, "completed");
    assert.match(outcome.result ?? "", /the program itself/);
    await checkAllGone(run);
  });

  it("does not wait for ever for a pipe that nobody found holds open", async () => {
    const blind = { ...processes, endProcesses: () => Promise.resolve([]) };
    const run = start("/bin/sh", ["-c", "sleep 1000 & echo $!"], { processes: blind });
    const outcome = await run.outcome;
    assert.equal(outcome.status, "completed");
    process.kill(Number(outcome.result), "SIGKILL");
  });

  it("replaces bytes that are not UTF-8, and gives out what has no line end", async () => {
    const run = start("/bin/sh", [
      "-c",
      "printf 'a\\377\\n\\342\\202'; sleep 0.3; printf '\\254 half'",
    ]);
    assert.deepEqual(await run.outcome, { status: "completed", result: "a\uFFFD\n€ half" });
    const held = start("/bin/sh", ["-c", "printf half; exec sleep 1000"]);
    await waitFor(() => held.output() === "half", "a line without end");
    held.abort();
    await held.outcome;
  });

  it("bears a line of 100 MB in bounded memory", async () => {
    let bytes = 0;
    let longest = 0;
    let peak = 0;
    const atFirst = process.memoryUsage().rss;
    const run = startAgent("longLine.mjs", ["100"], {
      onEvent: (event) => {
        if (event.type !== "output") return;
        bytes += event.text.length;
        longest = Math.max(longest, event.text.length);
        peak = Math.max(peak, process.memoryUsage.rss());
        run.events.length = 0;
      },
    });
    assert.equal((await run.outcome).status, "completed");
    assert.equal(bytes, 100 * mib + 1);
    assert.ok(longest <= 64 * 1024);
    assert.ok(peak - atFirst < 90 * mib, `grew by ${(peak - atFirst) / mib} MiB`);
  });

  it("reads no more than the store takes", async () => {
    let open = () => {};
    const closed = new Promise<void>((resolve) => (open = resolve));
    const run = start("yes", [], { ready: () => closed });
    await waitFor(() => run.output().length > 0, "the first chunk");
    // `yes` sleeps in its write once the pipe is full; all the time nothing more may be read.
    const pid = run.started[0]?.pid ?? 0;
    const cpuTicks = () =>
      readFileSync(`/proc/${pid}/stat`, "latin1").split(" ").slice(13, 15).join();
    let earlier = "";
    await waitFor(() => {
      const same =
        cpuTicks() === earlier && /State:\tS/.test(readFileSync(`/proc/${pid}/status`, "utf8"));
      earlier = cpuTicks();
      return same;
    }, "yes to be held up");
    assert.ok(run.output().length <= 64 * 1024);
    run.abort();
    open();
    assert.equal((await run.outcome).status, "aborted");
  });

  const nasty = "'; rm -rf $HOME; \" `id` $& $1 $$ \\ \n two\r\nlines {} %s * ~ €𝄞";

  async function echoed(more: Parameters<typeof start>[2], args: string[]) {
    const run = startAgent("echo.mjs", args, { prompt: nasty, ...more });
    const outcome = await run.outcome;
    assert.equal(outcome.status, "completed");
    const echo = JSON.parse(run.output()) as {
      args: string[];
      stdin: string;
      file: string | null;
      cwd: string;
      env: Record<string, string>;
    };
    return { run, echo };
  }

  it("passes the prompt as it is, as an argument", async () => {
    const { echo } = await echoed({}, ["{prompt}", "-p={prompt}{prompt}", "{ prompt }"]);
    assert.deepEqual(echo.args, [nasty, `-p=${nasty}${nasty}`, "{ prompt }"]);
    assert.equal(echo.stdin, "");
  });

  it("passes the prompt on stdin, with the agent's instructions before it", async () => {
    const { echo } = await echoed({ promptVia: "stdin", instructions: "Be brief." }, ["x"]);
    assert.deepEqual(echo.args, ["x"]);
    assert.equal(echo.stdin, `Be brief.\n\n${nasty}`);
  });

  it("goes on with the program's own session in a later run, where it knows how", async () => {
    const script = agentFile("echo.mjs");
    const resumeArgs = [script, "--resume={agentSessionId}", "{sessionId}", "{prompt}"];
    const more = { resumeArgs, instructions: "Be brief.", prompt: "{agentSessionId}" };
    const first = await echoed(more, ["{sessionId}"]);
    assert.deepEqual(first.echo.args, ["test-session"]);
    const services = { remembered: { sessionId: "its-own" } };
    const later = await echoed({ ...more, services }, []);
    assert.deepEqual(later.echo.args, ["--resume=its-own", "test-session", "{agentSessionId}"]);
  });

  it("passes the prompt as a file", async () => {
    const { run, echo } = await echoed({ promptVia: "file" }, ["{prompt}"]);
    assert.deepEqual(echo.args, [join(run.runDir, "prompt.md")]);
    assert.equal(echo.file, nasty);
    assert.equal(echo.stdin, "");
  });

  it("does not mind a program that reads none of its stdin", async () => {
    const prompt = "x".repeat(mib);
    const run = startAgent("finish.mjs", ["0", "ok"], { promptVia: "stdin", prompt });
    assert.deepEqual(await run.outcome, { status: "completed", result: "ok" });
  });

  it("gives the profile's environment, which cannot change the marks", async () => {
    const env = { TEST_OWN: "own", OFFSHOOT_RUN: "another", OFFSHOOT_STATE_DIR: "/elsewhere" };
    const { run, echo } = await echoed({ env }, []);
    assert.deepEqual(echo.env, {
      TEST_OWN: "own",
      OFFSHOOT_RUN: run.runId,
      OFFSHOOT_SESSION: "test-session",
      OFFSHOOT_STATE_DIR: run.stateDir,
    });
    assert.equal(echo.cwd, run.cwd);
  });

  async function checkRefused(run: TestRun, code: string, message: RegExp): Promise<void> {
    const outcome = await run.outcome;
    assert.equal(outcome.status, "error");
    assert.equal(outcome.error.code, code);
    assert.match(outcome.error.message, message);
    assert.equal(outcome.error.retryable, false);
    assert.deepEqual([run.started, run.events, run.endedWith], [[], [], []]);
  }

  it("says which folder is not there", async () => {
    const missing = start("echo", [], { cwd: "/no/such/folder" });
    await checkRefused(missing, "cwd_not_found", /does not exist: \/no\/such\/folder$/);
    const file = start("echo", [], { cwd: process.execPath });
    await checkRefused(file, "cwd_not_found", /is not a folder: /);
  });

  it("says which program is not there, and why one cannot be run", async () => {
    const nowhere = start("no-such-program-of-offshoot", []);
    await checkRefused(
      nowhere,
      "command_not_found",
      /"no-such-program-of-offshoot".*PATH \(.*Install/,
    );
    await checkRefused(
      start("./nothing", []),
      "command_not_found",
      /no program at \/.*\/nothing\./,
    );

    const folder = runs[0]?.cwd ?? "";
    const script = join(folder, "script");
    writeFileSync(script, "#!/no/such/interpreter --flag\n");
    await checkRefused(start(script, []), "command_not_found", /may not be executed.*chmod \+x/);
    chmodSync(script, 0o755);
    const broken = start(script, []);
    await checkRefused(
      broken,
      "command_not_found",
      /interpreter.*\(#!\/no\/such\/interpreter --flag\)/,
    );
  });

  it("says what to do with a prompt that is no good as an argument", async () => {
    const long = start("echo", ["{prompt}"], { prompt: "x".repeat(3 * mib) });
    await checkRefused(long, "invalid_request", /too long.*promptVia "stdin" or "file"/);
    const nul = start("echo", ["{prompt}"], { prompt: "a\0b" });
    await checkRefused(nul, "invalid_request", /NUL.*promptVia "stdin" or "file"/);
  });

  it("says which formats there are", async () => {
    const unheardOf = "xml" as "text";
    const run = start("echo", [], { format: unheardOf });
    await checkRefused(run, "invalid_request", /"xml" is not supported. Supported: "text"/);
  });

  it("runs a hundred programs at once", async () => {
    const many = Array.from({ length: 100 }, (_, n) =>
      start("/bin/sh", ["-c", `echo ${n}; sleep 0.1; sleep 1000 & exit ${n % 3}`]),
    );
    for (const [n, run] of many.entries()) {
      const outcome = await run.outcome;
      assert.equal(outcome.status, n % 3 === 0 ? "completed" : "error");
      assert.equal(outcome.result, `${n}\n`);
    }
    await Promise.all(many.map(checkAllGone));
  });
});
