/** Whether an agent can be used here, and what to do where it cannot. */
import { accessSync, constants, statSync } from "node:fs";
import { delimiter, isAbsolute, join } from "node:path";
import type { AgentProfile } from "../../protocol/config.ts";
import { whyModelIsMissing, type ModelWorld } from "./builtIn.ts";
import { howToGet } from "../runners/knownAgents.ts";

/** A sentence or two; nothing where the agent can be used. */
export function whyUnavailable(
  profile: AgentProfile,
  here: ModelWorld & {
    /** The kinds of runners that there are. */
    runners: readonly string[];
    /** The client's: programs are looked for on its PATH. */
    programs: NodeJS.ProcessEnv;
  },
): string | undefined {
  const { runner } = profile;
  const { runners, programs } = here;
  if (!runners.includes(runner.kind)) {
    return `this version has no runner of the kind ${runner.kind}; it has: ${runners.join(", ")}`;
  }
  if (runner.kind === "model") return whyModelIsMissing(profile, here);
  if (isOnPath(runner.command, programs)) return undefined;
  return (
    howToGet(runner.command) ??
    `the program ${runner.command} is not there; install it or correct the agent's "command"`
  );
}

/** Whether a program can be started by this name; a relative path depends on the run's folder. */
export function isOnPath(command: string, environment: NodeJS.ProcessEnv): boolean {
  if (isAbsolute(command)) return isExecutable(command);
  if (/[/\\]/.test(command)) return true;
  const endings = process.platform === "win32" ? ["", ".exe", ".cmd", ".bat"] : [""];
  const folders = (environment["PATH"] ?? environment["Path"] ?? "").split(delimiter);
  return folders.some(
    (folder) =>
      folder !== "" && endings.some((ending) => isExecutable(join(folder, command + ending))),
  );
}

function isExecutable(file: string): boolean {
  try {
    if (statSync(file, { throwIfNoEntry: false })?.isFile() !== true) return false;
    accessSync(file, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}
