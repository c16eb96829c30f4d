/**
 * `doctor`: checks what Offshoot needs, with or without a core, and names the remedies. It makes and
 * changes no file and starts nothing.
 */
import { existsSync } from "node:fs";
import type { AgentInfo, DaemonStatus } from "../../protocol/daemon.ts";
import { RunnerKind } from "../../protocol/session.ts";
import { Catalogue } from "../profiles/catalogue.ts";
import { createConfiguration } from "../config/config.ts";
import { userConfigFile } from "../config/configFile.ts";
import {
  fail,
  firstLine,
  folderChecks,
  info,
  lockCheck,
  ok,
  storeCheck,
  tokenCheck,
  warn,
  type Check,
} from "./doctorFiles.ts";
import { CommandFailure } from "../client/failures.ts";
import { withRunningCore, workspaceFolderOf, type Invocation } from "./invocation.ts";
import { cleanLine, formatDuration } from "../client/values.ts";

/** The checks, each as soon as it is done. */
export async function* doctorChecks(invocation: Invocation): AsyncGenerator<Check, void> {
  const { folder } = invocation;
  yield nodeCheck();
  const binding = await bindingCheck();
  yield binding;
  yield* folderChecks(folder);
  const asked = await askCore(invocation);
  yield asked.check;
  const core = { ...asked, bindingLoads: binding.state === "ok" };
  yield await lockCheck(folder, core);
  yield await tokenCheck(folder, core);
  yield await storeCheck(folder, core);
  yield* configChecks(invocation);
  yield* agentChecks(invocation, asked.agents);
}

function nodeCheck(): Check {
  const text = `${process.version} at ${process.execPath}`;
  const [major = 0, minor = 0] = process.versions.node.split(".").map(Number);
  const isNew = major > 22 || (major === 22 && minor >= 18);
  return isNew ? ok("node", text) : fail("node", text, "install Node 22.18 or later");
}

async function bindingCheck(): Promise<Check> {
  try {
    // The module loads the binding in the same way as the store does.
    await import("../store/connection.ts");
    return ok("sqlite", "the SQLite binding loads");
  } catch (error) {
    const remedy = "run `npm rebuild sqlite3` in Offshoot's folder; it may need a compiler";
    return fail("sqlite", `the SQLite binding does not load: ${firstLine(error)}`, remedy);
  }
}

interface AskedCore {
  readonly check: Check;
  readonly status?: DaemonStatus;
  readonly agents?: readonly AgentInfo[];
  readonly failed: boolean;
}

async function askCore(invocation: Invocation): Promise<AskedCore> {
  const name = "core";
  const { cwd, now } = invocation.terminal;
  try {
    const answer = await withRunningCore(invocation, async (client) => ({
      status: await client.call("daemon/status", {}),
      agents: (await client.call("agent/list", { cwd })).agents,
    }));
    const text = "no core is running; one starts when it is needed";
    if (answer === undefined) return { check: ok(name, text), failed: false };
    return { check: healthCheck(answer.status, now()), ...answer, failed: false };
  } catch (error) {
    const isOtherVersion = error instanceof CommandFailure && error.kind === "versionMismatch";
    const remedy = isOtherVersion
      ? "run `offshoot stop` with the version of the core, or update the older one"
      : `read ${invocation.folder.logFile}`;
    return { check: fail(name, firstLine(error), remedy), failed: true };
  }
}

function healthCheck(status: DaemonStatus, now: number): Check {
  const up = formatDuration(now - status.startedAt);
  const text = `${status.version} answers on its socket, process ${status.pid}, up ${up}`;
  if (status.health === "ok") return ok("core", text);
  return fail("core", `${text}; its health is ${status.health}`, cleanLine(status.message ?? ""));
}

async function* configChecks({ terminal, trusted }: Invocation): AsyncGenerator<Check, void> {
  const name = "config";
  const userFile = userConfigFile(terminal.environment);
  const configuration = createConfiguration(userFile);
  const workspace = configuration.workspace(terminal.cwd, workspaceFolderOf(terminal.cwd));
  if (!existsSync(userFile)) yield ok(name, `no file at ${userFile}; the defaults are used`);
  for (const loaded of [configuration.user(), ...(workspace ? [workspace] : [])]) {
    const note = loaded === workspace && !trusted ? " (counts with --trust only)" : "";
    if (loaded.faults.length === 0 && existsSync(loaded.source))
      yield ok(name, loaded.source + note);
    for (const fault of loaded.faults) {
      const where = fault.path === "" ? loaded.source : `${loaded.source}: ${fault.path}`;
      yield fail(
        name,
        cleanLine(`${where}: ${fault.message}`) + note,
        "correct it; the rest is used",
      );
    }
  }
}

/** Reads the agents' files here; without a core, looks for the agents' programs here too. */
function* agentChecks(
  { terminal, trusted }: Invocation,
  known: readonly AgentInfo[] | undefined,
): Generator<Check, void> {
  const { cwd, environment } = terminal;
  const agents = new Catalogue({
    configuration: createConfiguration(userConfigFile(environment)),
    environment,
    runners: RunnerKind.options,
    apiKeys: () => ({}),
    editorModels: () => new Map(),
    find: () => undefined,
    onFault: () => {},
  });
  const settings = { source: "client", config: {}, faults: [] };
  const options = { workspaceTrusted: trusted };
  const scope = agents.scopeFor({ options, settings, folders: [workspaceFolderOf(cwd)] }, cwd);
  for (const { source, path, message } of scope.fileFaults) {
    const where = path === "" ? source : `${source}: ${path}`;
    yield warn("agent file", cleanLine(`${where}: ${message}`), "correct it; the others are used");
  }
  for (const agent of known ?? agents.list(scope)) yield agentCheck(agent);
}

/** A built-in profile whose program is not installed is no fault: most people use one or two. */
function agentCheck({ name, runner, source, available, reason = "" }: AgentInfo): Check {
  const text = `${cleanLine(name)} (${runner}, ${cleanLine(source)})`;
  if (available) return ok("agent", text);
  const remedy = cleanLine(reason);
  if (source === "built-in") return info("agent", `${text} is not ready`, remedy);
  return warn("agent", `${text} cannot be used`, remedy);
}
