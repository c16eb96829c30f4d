/**
 * `doctor`: checks what Offshoot needs, with or without a core, and says what to do. It only reads;
 * the store's file is looked at from outside, because to open a database is to change files.
 */
import { constants, existsSync } from "node:fs";
import { access, open, stat, statfs } from "node:fs/promises";
import { dirname } from "node:path";
import type { AgentInfo, DaemonStatus } from "../../protocol/messages.ts";
import { RunnerKind } from "../../protocol/session.ts";
import { createAgents } from "../agents.ts";
import { userConfigFile } from "../configFile.ts";
import { createConfiguration, faultText, type ConfigFault } from "../config.ts";
import { CommandFailure } from "./exitCodes.ts";
import { withRunningCore, type Invocation } from "./invocation.ts";
import { cleanLine, formatBytes, formatDuration } from "./values.ts";

export interface Check {
  readonly state: "ok" | "warn" | "fail";
  readonly name: string;
  readonly text: string;
  /** What to do, where there is something to do. */
  readonly remedy?: string;
}

/** What a running core told about itself. */
interface CoreFacts {
  readonly status: DaemonStatus;
  readonly agents: readonly AgentInfo[];
}

/** Below this, in bytes, the disk is nearly full for a store that only grows. */
const littleSpace = 200 * 1000 * 1000;

/** One check after the other, as each is done. Never rejects. */
export async function* doctorChecks(invocation: Invocation): AsyncGenerator<Check, void> {
  yield nodeCheck();
  const binding = await bindingCheck();
  yield binding;
  yield* folderChecks(invocation);
  const core = await coreFacts(invocation);
  yield core.check;
  yield await lockCheck(invocation, core, binding);
  yield* tokenChecks(invocation, core);
  yield await storeCheck(invocation, core.facts?.status, binding);
  yield* configChecks(invocation);
  yield* agentChecks(invocation, core.facts?.agents);
}

function nodeCheck(): Check {
  const name = "node";
  const text = `${process.version} at ${process.execPath}`;
  const [major = 0, minor = 0] = process.versions.node.split(".").map(Number);
  if (major > 22 || (major === 22 && minor >= 18)) return { state: "ok", name, text };
  return { state: "fail", name, text, remedy: "install Node 22.18 or later" };
}

async function bindingCheck(): Promise<Check> {
  const name = "sqlite";
  try {
    const { default: sqlite3 } = await import("sqlite3");
    // It loads the binding when it is imported; its version shows that this worked.
    const { VERSION } = sqlite3 as unknown as { VERSION: string };
    return { state: "ok", name, text: `SQLite ${VERSION}, its binding loads` };
  } catch (error) {
    return {
      state: "fail",
      name,
      text: `the SQLite binding does not load: ${firstLine(error)}`,
      remedy:
        "run `npm rebuild sqlite3` in Offshoot's folder; it needs a compiler where no binary can be downloaded",
    };
  }
}

async function coreFacts(
  invocation: Invocation,
): Promise<{ check: Check; facts?: CoreFacts; failed: boolean }> {
  const name = "core";
  try {
    const facts = await withRunningCore(invocation, async (client) => ({
      status: await client.call("daemon/status", {}),
      agents: (await client.call("agent/list", { cwd: invocation.terminal.cwd })).agents,
    }));
    if (facts === undefined) {
      const text = "none is running; one starts when it is needed";
      return { check: { state: "ok", name, text }, failed: false };
    }
    const { health, message, pid, startedAt, version } = facts.status;
    const up = formatDuration(invocation.terminal.now() - startedAt);
    const text = `${version} answers on its socket, process ${pid}, up ${up}`;
    const check: Check =
      health === "ok"
        ? { state: "ok", name, text }
        : {
            state: "fail",
            name,
            text: `${text}; health is ${health}`,
            remedy: cleanLine(message ?? "see its log"),
          };
    return { check, facts, failed: false };
  } catch (error) {
    const remedy =
      error instanceof CommandFailure && error.kind === "versionMismatch"
        ? "run `offshoot stop` with the version that the core has, or update the older one"
        : `look into ${invocation.folder.logFile}`;
    return { check: { state: "fail", name, text: firstLine(error), remedy }, failed: true };
  }
}

async function* configChecks({ terminal, trusted }: Invocation): AsyncGenerator<Check, void> {
  const userFile = userConfigFile(terminal.environment);
  const configuration = createConfiguration(userFile);
  const user = existsSync(userFile) ? configuration.user() : undefined;
  const workspace = configuration.workspace(terminal.cwd, undefined);
  if (user === undefined) {
    yield { state: "ok", name: "config", text: `no file at ${userFile}; the defaults are used` };
  }
  for (const loaded of [user, workspace]) {
    if (loaded === undefined) continue;
    const note = loaded === workspace && !trusted ? " (counts only with --trust)" : "";
    if (loaded.faults.length === 0) {
      yield { state: "ok", name: "config", text: loaded.source + note };
    }
    for (const fault of loaded.faults) yield faultCheck(fault, note);
  }
}

function faultCheck(fault: ConfigFault, note: string): Check {
  return { state: "fail", name: "config", text: cleanLine(faultText(fault)) + note };
}

async function* agentChecks(
  invocation: Invocation,
  told: readonly AgentInfo[] | undefined,
): AsyncGenerator<Check, void> {
  const name = "agent";
  for (const agent of told ?? knownAgents(invocation)) {
    const text = `${cleanLine(agent.name)} (${agent.runner}, ${cleanLine(agent.source)})`;
    yield agent.available
      ? { state: "ok", name, text }
      : {
          state: "warn",
          name,
          text: `${text} is not available`,
          remedy: cleanLine(agent.reason ?? ""),
        };
  }
}

/** Without a core to ask: the agents of the files, and whether their programs are there. */
function knownAgents({ terminal, trusted }: Invocation): AgentInfo[] {
  const { environment } = terminal;
  const configuration = createConfiguration(userConfigFile(environment));
  const workspace = trusted ? configuration.workspace(terminal.cwd, undefined) : undefined;
  const profiles = new Map(
    [configuration.user(), ...(workspace ? [workspace] : [])].flatMap(({ source, config }) =>
      (config.agents ?? []).map((profile) => [profile.name, { profile, source }] as const),
    ),
  );
  const agents = createAgents({ configuration, environment, runners: RunnerKind.options });
  return agents.list({ config: {}, profiles, faults: [] });
}
