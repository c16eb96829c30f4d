/** Finds the run that this program is part of. */
import { stateFolder, type StateFolder } from "../base/stateFolder.ts";

/**
 * The run that this program is part of, if that run belongs to the core of `folder`. Such a program
 * never starts the core: when the core has died, the run is lost and the program ends with it. A
 * core that it started would lack configuration and keys, which runs do not get.
 */
export function surroundingRun(
  environment: NodeJS.ProcessEnv,
  folder: StateFolder,
): { runId: string; sessionId: string } | undefined {
  const runId = environment["OFFSHOOT_RUN"];
  const sessionId = environment["OFFSHOOT_SESSION"];
  const isOfThisCore = folder.dir === stateFolder(undefined, environment).dir;
  return runId && sessionId && isOfThisCore ? { runId, sessionId } : undefined;
}
