/** One agent process that serves several runs, as Offshoot's own agent does. */
import assert from "node:assert/strict";
import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { join } from "node:path";
import { openAcpConnection } from "../../../daemon/runners/acp/connection.ts";
import { acpRunner, type AcpHosts, type HostLease } from "../../../daemon/runners/acp/acp.ts";
import { createProcesses } from "../../../daemon/processes/processes.ts";
import { startAcpRun, type AcpRun } from "../../support/acpRun.ts";
import { checkLeaks } from "../../support/leaks.ts";
import { agentFile } from "../../support/runContext.ts";
import { silentLog } from "../../support/silentLog.ts";
import { testFolder } from "../../support/testFolder.ts";
import { waitFor } from "../../support/waitFor.ts";

describe("a host that runs share", () => {
  checkLeaks();
  const processes = createProcesses({ log: silentLog });
  let host: ChildProcess;
  let hosts: AcpHosts;
  let released: Parameters<HostLease["release"]>[0][] = [];
  let folder = "";
  let runs: AcpRun[] = [];

  async function open(setUp: object): Promise<void> {
    const args = [agentFile("acp-agent.mjs"), JSON.stringify({ manySessions: true, ...setUp })];
    host = spawn(process.execPath, args, { cwd: folder, stdio: ["pipe", "pipe", "ignore"] });
    assert.ok(host.stdin && host.stdout);
    const { stdin: input, stdout: output } = host;
    const connection = await openAcpConnection({
      ...{ input, output, log: silentLog },
      unroutedUpdates: "drop",
      nonJsonLine: () => undefined,
    });
    hosts = {
      acquire: async ({ session }) => ({
        connection,
        sessionMeta: { prompt: session.title },
        crash: async () => ({ code: "runner_crashed", message: "gone", retryable: true }),
        release: async (how) => void released.push(how),
      }),
    };
  }
  beforeEach("make a folder", () => void (folder = mkdtempSync(join(testFolder, "host-"))));
  afterEach("end the host", async () => {
    for (const run of runs) {
      run.abort();
      await run.outcome;
      run.remove();
    }
    runs = [];
    released = [];
    host.kill("SIGKILL");
    if (host.exitCode === null && host.signalCode === null) await once(host, "exit");
    rmSync(folder, { recursive: true, force: true });
  });

  function start(steps: object[], grace?: { termAfterMs: number }) {
    const run = startAcpRun({
      runner: acpRunner({ processes, log: silentLog, hosts }),
      processes,
      config: { kind: "model" },
      steps,
      ...(grace && { grace: { killAfterMs: 100, ...grace } }),
    });
    runs.push(run);
    return run;
  }
  const spoken = (run: AcpRun) => waitFor(() => run.ofType("message.delta").length > 0, "a word");

  it("keeps them apart, and one's cancel from the others", async () => {
    await open({});
    const one = start([{ say: "one" }, { hang: true }]);
    const two = start([{ say: "two" }, { pauseMs: 50 }, { say: "!" }]);
    await spoken(one);
    one.abort();
    assert.deepEqual(await one.outcome, { status: "aborted", result: "one" });
    assert.deepEqual(await two.outcome, { status: "completed", result: "two!" });
    assert.deepEqual(released, ["ended", "ended"]);
    assert.equal(host.exitCode, null);
  });

  it("is called suspect when it does not end a turn", async () => {
    await open({ deaf: true });
    const run = start([{ say: "one" }, { hang: true }], { termAfterMs: 50 });
    await spoken(run);
    run.abort();
    assert.equal((await run.outcome).status, "aborted");
    assert.deepEqual(released, ["hung"]);
  });

  it("ends its runs when it dies", async () => {
    await open({});
    const one = start([{ say: "one" }, { hang: true }]);
    const two = start([{ say: "two" }, { hang: true }]);
    await Promise.all([spoken(one), spoken(two)]);
    host.kill("SIGKILL");
    const error = { code: "runner_crashed", message: "gone", retryable: true };
    assert.deepEqual(await one.outcome, { status: "error", error, result: "one" });
    assert.deepEqual(await two.outcome, { status: "error", error, result: "two" });
    assert.deepEqual(released, ["gone", "gone"]);
  });
});
