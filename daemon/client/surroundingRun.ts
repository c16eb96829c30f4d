/** The run that this program is part of, if it is one of a given core. */
import { stateFolder, type StateFolder } from "../base/stateFolder.ts";

/**
 * Of programs inside a run, for the core of that run. They never start it: when it is gone the run
 * is lost and they end with it, and a core that they started would have no more than the part of
 * the environment that runs are given, without configuration and keys.
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
