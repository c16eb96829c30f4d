/** The harness itself: a leak check that finds nothing, or a wait that never fails, checks nothing. */
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { checkLeaks, leaksSince, ourProcesses, takeSnapshot } from "../support/leaks.ts";
import { repository, runProgram } from "../support/repository.ts";
import { testFolder } from "../support/testFolder.ts";
import { waitFor } from "../support/waitFor.ts";

/** The faults are planted, so there is nothing to wait for. */
const graceMs = 50;

describe("the leak check", () => {
  checkLeaks();

  it("finds nothing where nothing was left", async () => {
    assert.deepEqual((await leaksSince(await takeSnapshot(), graceMs)).sentences, []);
  });

  it("finds a timer and a server", async () => {
    const earlier = await takeSnapshot();
    const timer = setTimeout(() => undefined, 60_000);
    const server = createServer().listen(join(testFolder, "socket"));
    const { sentences } = await leaksSince(earlier, graceMs);
    clearTimeout(timer);
    await new Promise((closed) => server.close(closed));
    assert.deepEqual(
      sentences.toSorted(),
      [
        `${testFolder}/socket`,
        "1 open handle(s) of type PipeWrap",
        "1 open handle(s) of type Timeout",
      ].toSorted(),
    );
  });

  it("finds a file", async () => {
    const earlier = await takeSnapshot();
    const file = join(tmpdir(), "left-behind");
    writeFileSync(file, "");
    const { sentences } = await leaksSince(earlier, graceMs);
    rmSync(file);
    assert.deepEqual(sentences, [file]);
  });

  if (process.platform === "linux") {
    it("finds a process that has left its parent, its group and its session", async () => {
      const earlier = await takeSnapshot();
      spawn("sh", ["-c", "setsid sleep 60 > /dev/null 2>&1 & exit 0"], {
        cwd: testFolder,
        env: { PATH: process.env["PATH"], OFFSHOOT_RUN: "run-of-the-test" },
        stdio: "ignore",
      });
      const orphan = await waitFor(
        () => ourProcesses().find(({ command }) => command === "sleep 60"),
        "the orphan",
        { describe: ourProcesses },
      );
      const { processes, sentences } = await leaksSince(earlier, graceMs);
      process.kill(orphan.pid, "SIGKILL");
      assert.deepEqual(
        processes.map(({ identity }) => identity),
        [orphan.identity],
      );
      assert.deepEqual(sentences, [`process ${orphan.pid} of run run-of-the-test: sleep 60`]);
    });

    it("takes a process of tests that run beside it for somebody else's", async () => {
      const child = spawn("sh", ["-c", "setsid sleep 61 & echo $!; exit 0"], {
        cwd: repository,
        env: { PATH: process.env["PATH"], OFFSHOOT_RUN: "r", TMPDIR: join(testFolder, "..") },
        stdio: ["ignore", "pipe", "ignore"],
      });
      const pid = Number(await new Promise((resolve) => child.stdout.once("data", resolve)));
      const found = ourProcesses().filter(({ command }) => command === "sleep 61");
      process.kill(pid, "SIGKILL");
      assert.deepEqual(found, []);
    });
  }
});

describe("a test run", () => {
  checkLeaks();

  async function runMocha(
    source: string,
    ...options: string[]
  ): Promise<{ exitCode: number | undefined; lines: string[] }> {
    const file = join(testFolder, "planted.test.ts");
    writeFileSync(file, source);
    const { exitCode, output } = await runProgram("mocha", [...options, file]);
    rmSync(file);
    return { exitCode, lines: output.trimEnd().split("\n") };
  }

  it("ends with one line that counts", async () => {
    const { exitCode, lines } = await runMocha('it("a", () => {}); it("b", () => {});');
    assert.equal(exitCode, 0);
    assert.equal(lines.at(-1), "2 passed, 0 failed");
  });

  it("fails when a test fails", async () => {
    const { exitCode, lines } = await runMocha('it("a", () => { throw new Error("no"); });');
    assert.equal(exitCode, 1);
    assert.equal(lines.at(-1), "0 passed, 1 failed");
  });

  it("fails when there is no test", async () => {
    const { exitCode, lines } = await runMocha('describe("a suite", () => {});', "--parallel");
    assert.equal(exitCode, 1);
    assert.equal(lines.at(-1), "0 passed, 0 failed");
  });

  it("fails when the process of a file dies, and names the file", async () => {
    const { exitCode, lines } = await runMocha(
      'it("dies", () => void process.kill(process.pid, "SIGKILL"));',
      "--parallel",
    );
    assert.equal(exitCode, 1);
    assert.ok(
      lines.some((line) => line.endsWith("planted.test.ts:")),
      lines.join("\n"),
    );
    assert.equal(lines.at(-1), "0 passed, 1 failed");
  });

  it("fails and ends when a suite leaves something open, and says what", async () => {
    const { exitCode, lines } = await runMocha(`
      import { checkLeaks } from ${JSON.stringify(join(repository, "test/support/leaks.ts"))};
      describe("a suite", () => {
        checkLeaks();
        it("leaves a timer", () => void setInterval(() => {}, 1000));
      });
    `);
    assert.notEqual(exitCode, 0);
    assert.ok(lines.includes("  1 open handle(s) of type Timeout"), lines.join("\n"));
    assert.equal(lines.at(-1), "1 passed, 2 failed");
  });
});

describe("waitFor", () => {
  checkLeaks();

  it("answers with the first truthy answer", async () => {
    const answers = [0, "", undefined, "here"];
    assert.equal(await waitFor(() => answers.shift(), "an answer"), "here");
  });

  it("says what it waited for and what did arrive", async () => {
    await assert.rejects(
      waitFor(() => false, "the end", { timeoutMs: 30, describe: () => [{ seq: 1 }] }),
      { message: "waited 30 ms for the end; what did arrive: [ { seq: 1 } ]" },
    );
  });

  it("ends in time when the predicate itself hangs", async () => {
    await assert.rejects(
      waitFor(() => new Promise<boolean>(() => undefined), "nothing", { timeoutMs: 30 }),
      { message: "waited 30 ms for nothing" },
    );
  });

  it("gives up a lost cause at once", async () => {
    const lostCause = () => {
      throw new Error("the run has ended");
    };
    await assert.rejects(waitFor(lostCause, "an event"), { message: "the run has ended" });
  });
});
