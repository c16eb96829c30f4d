/** What every command is given: the options that all share, its output, and a way to the core. */
import { existsSync } from "node:fs";
import { dirname, join } from "node:path";
import { keysIn } from "../agent/contract/providers.ts";
import { createConfiguration } from "../config/config.ts";
import { userConfigFile } from "../config/configFile.ts";
import { joinCore, JoinError, type JoinOptions } from "../client/join.ts";
import { startCoreProcess } from "../client/startCore.ts";
import { stateFolder, type StateFolder } from "../base/stateFolder.ts";
import { PROTOCOL_VERSION } from "../../protocol/version.ts";
import { VERSION } from "../base/version.ts";
import type { Config } from "../../protocol/config.ts";
import { surroundingRun } from "../client/surroundingRun.ts";
import { openClient, type Client, type Greeting } from "../client/coreClient.ts";
import { CommandFailure, exitCodes } from "../client/failures.ts";
import type { Output, Screen } from "./output.ts";

/** The world of the process, as `daemon/main.ts` hands it over. */
export interface Terminal {
  readonly environment: NodeJS.ProcessEnv;
  /** Absolute. */
  readonly cwd: string;
  readonly stdin: NodeJS.ReadableStream & { readonly isTTY?: boolean };
  readonly stdout: Screen;
  readonly stderr: Screen;
  /** The script that `core` is given to, to start a core. */
  readonly entry: string;
  readonly now: () => number;
}

/** Options that every command takes, before or after its name. */
export interface CommonOptions {
  readonly stateDir?: string;
  readonly json?: boolean;
  readonly trust?: boolean;
}

export interface Invocation {
  readonly terminal: Terminal;
  readonly folder: StateFolder;
  readonly output: Output;
  readonly trusted: boolean;
  /** The run that this program is part of, when an agent calls `offshoot`. */
  readonly run: Greeting["run"];
  /** Configuration for what this command spawns. */
  readonly settings?: Config;
}

export function invocationOf(
  terminal: Terminal,
  output: Output,
  options: CommonOptions,
): Invocation {
  const folder = stateFolder(options.stateDir, terminal.environment);
  return {
    terminal,
    output,
    folder,
    trusted: options.trust === true,
    run: surroundingRun(terminal.environment, folder),
  };
}

/**
 * Makes the action of a command from what it does: its arguments and options to an exit code. The
 * handler declares what the command was told to parse; commander knows no types.
 */
export type Bind = (
  handler: (invocation: Invocation, given: never, options: never) => Promise<number>,
) => (...given: unknown[]) => Promise<void>;

/** Uses the core, which is started when none is running. */
export async function withCore<Result>(
  invocation: Invocation,
  use: (client: Client) => Promise<Result>,
): Promise<Result> {
  return await useClient(await connect(invocation, "ifNeeded"), invocation, use);
}

/** Uses the core where one is running; undefined where none is. */
export async function withRunningCore<Result>(
  invocation: Invocation,
  use: (client: Client) => Promise<Result>,
): Promise<Result | undefined> {
  let client: Client;
  try {
    client = await connect(invocation, "never");
  } catch (error) {
    if (error instanceof CommandFailure && error.kind === "notRunning") return undefined;
    throw error;
  }
  return await useClient(client, invocation, use);
}

/**
 * Uses the core, which is started when none is running; but where none has ever run there is
 * nothing to look at, and the answer is undefined.
 */
export async function withStoredSessions<Result>(
  invocation: Invocation,
  use: (client: Client) => Promise<Result>,
): Promise<Result | undefined> {
  const hasRun = existsSync(invocation.folder.lockFile);
  return await (hasRun ? withCore(invocation, use) : withRunningCore(invocation, use));
}

/**
 * As `withCore`, for commands that may start runs: the core is lent the keys of model providers that
 * this terminal knows, since it was perhaps started by somebody who knew none.
 */
export async function withCoreForRuns<Result>(
  invocation: Invocation,
  use: (client: Client) => Promise<Result>,
): Promise<Result> {
  const { environment } = invocation.terminal;
  return await withCore(invocation, async (client) => {
    const { providers } = createConfiguration(userConfigFile(environment)).user().config;
    const apiKeys = invocation.run === undefined ? keysIn(environment, providers) : {};
    if (Object.keys(apiKeys).length > 0) await client.call("daemon/setApiKeys", { apiKeys });
    return await use(client);
  });
}

/** A core that dies under its clients again and again is not started for ever. */
const mostCores = 5;

/**
 * Work that can be taken up on another connection: where the core dies under it, it goes on with the
 * next one. After a core that was stopped in order nobody wants another.
 */
export async function acrossCores<Result>(
  invocation: Invocation,
  first: Client,
  work: (client: Client) => Promise<Result>,
): Promise<Result> {
  const { output } = invocation;
  let client = first;
  for (let cores = 1; ; cores += 1) {
    try {
      return await work(client);
    } catch (error) {
      const isLost = error instanceof CommandFailure && error.kind === "unreachable";
      if (!isLost || client.isOver || cores === mostCores) throw error;
    } finally {
      if (client !== first) await client.close();
    }
    output.note("The core has died; going on with another one.");
    client = await connect(invocation, "ifNeeded");
  }
}

/**
 * The nearest folder at or above `cwd` with a `.git`, which a work tree of its own has as a file:
 * agents and instructions of a repository count in all of it. Without one, `cwd` itself.
 */
export function workspaceFolderOf(cwd: string): string {
  for (let folder = cwd; ; folder = dirname(folder)) {
    if (existsSync(join(folder, ".git"))) return folder;
    if (folder === dirname(folder)) return cwd;
  }
}

/** Joins the core of the folder and greets it. Rejects with a CommandFailure. */
async function connect(invocation: Invocation, start: JoinOptions["start"]): Promise<Client> {
  const { folder, output, run, terminal, trusted } = invocation;
  try {
    const { socket, note } = await joinCore({
      folder,
      start: run === undefined ? start : "never",
      version: VERSION,
      protocolVersion: PROTOCOL_VERSION,
      startCore: () => startCoreProcess({ entry: terminal.entry, folder }),
    });
    if (note !== undefined) output.note(note);
    return await openClient(socket, {
      cwd: terminal.cwd,
      workspaceFolder: workspaceFolderOf(terminal.cwd),
      environment: terminal.environment,
      ...(trusted && { trusted }),
      ...(run && { run }),
      ...(invocation.settings && { settings: invocation.settings }),
    });
  } catch (error) {
    if (!(error instanceof JoinError)) throw error;
    const { kind } = error.failure;
    throw new CommandFailure(kind, error.message, exitCodes.unreachable);
  }
}

async function useClient<Result>(
  client: Client,
  { output }: Invocation,
  use: (client: Client) => Promise<Result>,
): Promise<Result> {
  // When nobody reads stdout any more, what the command still waits for fails, and it ends.
  const onClosed = () => void client.close();
  output.closed.addEventListener("abort", onClosed);
  try {
    return await use(client);
  } finally {
    output.closed.removeEventListener("abort", onClosed);
    await client.close();
  }
}
