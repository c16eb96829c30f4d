/** What holds for every format, with a real program each. */
import assert from "node:assert/strict";
import { commandRunner } from "../../../daemon/runners/command/command.ts";
import { createProcesses } from "../../../daemon/processes/processes.ts";
import { checkLeaks } from "../../support/leaks.ts";
import { startFormatRun, type FormatRun } from "../../support/formatContext.ts";
import { silentLog } from "../../support/silentLog.ts";
import { waitFor } from "../../support/waitFor.ts";
import { programs } from "./programs.ts";

describe("formats of JSON lines", () => {
  checkLeaks();

  const processes = createProcesses({ log: silentLog });
  const runner = commandRunner({ processes, log: silentLog });
  let runs: FormatRun[] = [];
  afterEach("end the runs and remove their folders", async () => {
    for (const run of runs) {
      run.abort();
      await run.outcome;
      run.remove();
    }
    runs = [];
  });

  for (const { format, agent, result } of programs) {
    const start = (scene: string, by = runner) => {
      const run = startFormatRun({ runner: by, processes, format, agent, args: [scene] });
      runs.push(run);
      return run;
    };
    const checkFailed = async (run: FormatRun, code: string, message: RegExp) => {
      const outcome = await run.outcome;
      assert.equal(outcome.status, "error");
      assert.equal(outcome.error.code, code);
      assert.match(outcome.error.message, message);
      return outcome;
    };
    /** Every tool call that was begun has ended, and no end is told twice. */
    const checkToolsClosed = (run: FormatRun) => {
      const ids = (type: "tool.started" | "tool.completed") =>
        run.ofType(type).map(({ toolUseId }) => toolUseId);
      const ended = ids("tool.completed");
      assert.deepEqual([...new Set(ended)], ended);
      assert.deepEqual(
        ids("tool.started").filter((id) => !ended.includes(id)),
        [],
      );
      for (const child of run.adopted) assert.equal(child.outcomes.length, 1);
    };

    describe(format, () => {
      it("completes with the last text, and prints nothing as output", async () => {
        const run = start("happy");
        assert.deepEqual(await run.outcome, { status: "completed", result });
        assert.equal(run.ofType("message").at(-1)?.text, result);
        assert.deepEqual([run.output("stdout"), run.output("stderr")], ["", ""]);
        assert.deepEqual(run.endedWith, [{ status: "completed", result }]);
        checkToolsClosed(run);
      });

      it("fails with exit code 0 and no result line", async () => {
        const run = start("noResult");
        const outcome = await checkFailed(
          run,
          "protocol_error",
          new RegExp(`^exited with code 0 without the result line of ${format}$`),
        );
        assert.equal(outcome.result, result);
        assert.equal(run.endedWith[0]?.status, "error");
        checkToolsClosed(run);
      });

      it("bears garbage between the lines, and shows it", async () => {
        const run = start("garbage");
        assert.deepEqual(await run.outcome, { status: "completed", result });
        assert.match(
          run.output(),
          /^plain words €\n\{"type": "broken\n42\n"a text"\n\[1\]\nnull\n/,
        );
        assert.ok(!run.output().includes("undefined"));
        checkToolsClosed(run);
      });

      it("bears lines whose fields have other shapes", async () => {
        const run = start("odd");
        assert.equal((await run.outcome).status, "completed");
        checkToolsClosed(run);
      });

      it("leaves out a line that is far too long, and says so", async () => {
        const run = start("huge");
        assert.deepEqual(await run.outcome, { status: "completed", result });
        const [note] = run.ofType("note").filter(({ text }) => text.includes("dropped"));
        assert.match(note?.text ?? "", /^A line of more than 8388608 bytes was dropped: .*"huge"/);
        assert.ok((note?.text.length ?? 0) < 400);
      });

      it("keeps unknown lines as notes, not all of many", async () => {
        const run = start("unknown");
        assert.deepEqual(await run.outcome, { status: "completed", result });
        const notes = run.ofType("note").filter(({ text }) => text.includes("unknown line"));
        assert.equal(notes.length, 101);
        assert.match(notes[0]?.text ?? "", /^unknown line: \{"type":"new_thing","n":0,/);
        assert.ok(notes.every(({ text }) => text.length < 2100));
        assert.equal(notes.at(-1)?.text, "50 more unknown lines are not shown");
      });

      it("fails when the program dies midway, and keeps what it had said", async () => {
        const outcome = await checkFailed(start("killed"), "runner_crashed", /SIGKILL/);
        assert.deepEqual(
          [outcome.error.retryable, outcome.error.signal, outcome.result],
          [true, "SIGKILL", result],
        );
      });

      it("fails with the last words of a program that never began", async () => {
        const outcome = await checkFailed(
          start("usageError"),
          "exit_nonzero",
          /unknown option --nonsense$/,
        );
        assert.equal(outcome.error.exitCode, 2);
      });

      it("ends a program that does not exit after its result line", async () => {
        const hurried = commandRunner({ processes, log: silentLog, lingerMs: 100 });
        const run = start("linger", hurried);
        assert.deepEqual(await run.outcome, { status: "completed", result });
        assert.deepEqual(await processes.find({ runId: run.runId, records: run.started }), []);
      });

      it("believes the result line, and mentions a bad exit", async () => {
        const run = start("badExit");
        assert.deepEqual(await run.outcome, { status: "completed", result });
        assert.ok(
          run
            .ofType("note")
            .some(({ text }) => text.includes("reported success and then ended with an error")),
        );
      });

      it("can be aborted, and closes what is open", async () => {
        const run = start("wait");
        await waitFor(() => run.ofType("tool.started").length > 0, "a tool call");
        run.abort();
        assert.equal((await run.outcome).status, "aborted");
        assert.deepEqual(run.endedWith, []);
        checkToolsClosed(run);
      });

      it("remembers the agent's own session", async () => {
        const run = start("happy");
        await run.outcome;
        assert.match(run.remembered["sessionId"] ?? "", /session|thread|ses_1/);
      });
    });
  }
});
