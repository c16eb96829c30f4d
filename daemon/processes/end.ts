/** Ends a run's program and all that it started: TERM at once, KILL after the grace. */
import type { ChildProcess } from "node:child_process";
import type { Log } from "../base/log.ts";
import type { ProcessRecord, Processes } from "./processes.ts";

export interface Ending {
  child: ChildProcess;
  /** The program itself, as it was found right after its start. */
  main: ProcessRecord | undefined;
  run: { runId: string; grace: { killAfterMs: number } };
  processes: Processes;
  log: Log;
}

/** Never rejects: a failed search is logged, and the program itself is killed in any case. */
export async function endProgram({ child, main, run, processes, log }: Ending): Promise<void> {
  const { runId, grace } = run;
  try {
    const find = { runId, records: main ? [main] : [] };
    await processes.endProcesses({ find, killAfterMs: grace.killAfterMs });
  } catch (err) {
    log.error({ err, runId }, "The processes of a run could not be looked for.");
  }
  child.kill("SIGKILL");
}
