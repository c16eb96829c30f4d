/** What every suite of ACP tests begins with: the runner, and an end for every run. */
import assert from "node:assert/strict";
import { acpRunner } from "../../daemon/runners/acp/acp.ts";
import { createProcesses } from "../../daemon/processes/processes.ts";
import { startAcpRun, type AcpRun, type AcpRunOptions } from "./acpRun.ts";
import { silentLog } from "./silentLog.ts";

export type Start = (options?: Partial<AcpRunOptions>) => AcpRun;

/** Call it inside `describe`. After each test its runs are ended, and nothing of them is alive. */
export function acpSuite(): Start {
  const processes = createProcesses({ log: silentLog });
  const runner = acpRunner({ processes, log: silentLog });
  let runs: AcpRun[] = [];
  afterEach("end the runs and remove their folders", async () => {
    for (const run of runs) {
      run.abort();
      await run.outcome;
      const left = await processes.find({ runId: run.runId, records: run.started });
      run.remove();
      assert.deepEqual(left, []);
    }
    runs = [];
  });
  return (options = {}) => {
    const run = startAcpRun({ runner, processes, ...options });
    runs.push(run);
    return run;
  };
}
