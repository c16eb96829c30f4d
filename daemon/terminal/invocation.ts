/** What every command gets: the common options, its output, and a connection to the core. */
import { existsSync } from "node:fs";
import { dirname, join } from "node:path";
import { text as readAll } from "node:stream/consumers";
import { keysIn } from "../agent/contract/providers.ts";
import { createConfiguration } from "../config/config.ts";
import { userConfigFile } from "../config/configFile.ts";
import { joinCore, JoinError, type JoinOptions } from "../client/join.ts";
import { coreOf } from "../client/startCore.ts";
import type { StateFolder } from "../base/stateFolder.ts";
import type { Config } from "../../protocol/config.ts";
import { present } from "../client/present.ts";
import { openClient, type Client, type Greeting } from "../client/coreClient.ts";
import { CommandFailure, exitCodes, usageFailure } from "../client/failures.ts";
import type { Output, Screen } from "./output.ts";

/** The streams, environment and clock of the process, from `daemon/main.ts`. */
export interface Terminal {
  readonly environment: NodeJS.ProcessEnv;
  /** Absolute. */
  readonly cwd: string;
  readonly stdin: NodeJS.ReadableStream & { readonly isTTY?: boolean };
  readonly stdout: Screen;
  readonly stderr: Screen;
  /** The script that starts a core when it runs with the argument `core`. */
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

/**
 * Makes the action of a command from its handler, which returns an exit code. Each handler declares
 * the types of its own arguments and options, because commander does not know them.
 */
export type Bind = (
  handler: (invocation: Invocation, given: never, options: never) => Promise<number>,
) => (...given: unknown[]) => Promise<void>;

/** The text of an argument: its words joined by blanks, or stdin for a single "-". */
export async function textOf(
  words: readonly string[],
  { stdin }: Terminal,
  what: string,
): Promise<string> {
  const text = words.length === 1 && words[0] === "-" ? await readAll(stdin) : words.join(" ");
  if (text.trim() === "") throw usageFailure(`the ${what} is empty`);
  return text;
}

/** Calls `use` with the core; starts one if none is running. */
export async function withCore<Result>(
  invocation: Invocation,
  use: (client: Client) => Promise<Result>,
): Promise<Result> {
  return await useClient(await connect(invocation, "ifNeeded"), invocation, use);
}

/** Calls `use` with the core if one is running; undefined otherwise. */
export async function withRunningCore<Result>(
  invocation: Invocation,
  use: (client: Client) => Promise<Result>,
): Promise<Result | undefined> {
  const client = await connect(invocation, "never").catch((error: unknown) => {
    if (error instanceof CommandFailure && error.kind === "notRunning") return undefined;
    throw error;
  });
  return client && (await useClient(client, invocation, use));
}

/**
 * As `withCore`, but if no core has ever run in the state folder, none is started and the result is
 * undefined, because there are no sessions.
 */
export async function withStoredSessions<Result>(
  invocation: Invocation,
  use: (client: Client) => Promise<Result>,
): Promise<Result | undefined> {
  const hasRun = existsSync(invocation.folder.lockFile);
  return await (hasRun ? withCore(invocation, use) : withRunningCore(invocation, use));
}

/**
 * As `withCore`, for commands that may start runs: sends the core the API keys in this terminal's
 * environment, because the core may have been started from an environment without them.
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

/** The most cores that one command uses, so that cores that keep dying end the command. */
const mostCores = 5;

/**
 * Does work that can continue on another connection: when the core dies, the work is repeated with
 * the next core. When a core stops in order, the work fails.
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
    output.note("The core has died; this command continues with another one.");
    client = await connect(invocation, "ifNeeded");
  }
}

/**
 * The nearest folder at or above `cwd` with a `.git` (a file in a linked work tree), because agents
 * and instructions of a repository hold in all of its folders; `cwd` itself if there is none.
 */
export function workspaceFolderOf(cwd: string): string {
  for (let folder = cwd; ; folder = dirname(folder)) {
    if (existsSync(join(folder, ".git"))) return folder;
    if (folder === dirname(folder)) return cwd;
  }
}

/** Joins the core of the folder and opens the protocol. Rejects with a CommandFailure. */
async function connect(invocation: Invocation, start: JoinOptions["start"]): Promise<Client> {
  const { folder, output, run, terminal, trusted } = invocation;
  try {
    const { socket, note } = await joinCore({
      ...coreOf(folder, terminal.entry),
      start: run === undefined ? start : "never",
    });
    if (note !== undefined) output.note(note);
    return await openClient(socket, {
      cwd: terminal.cwd,
      workspaceFolder: workspaceFolderOf(terminal.cwd),
      environment: terminal.environment,
      ...(trusted && { trusted }),
      ...present({ run, settings: invocation.settings }),
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
  // When stdout is closed, every pending call fails, and so the command ends.
  const onClosed = () => void client.close();
  output.closed.addEventListener("abort", onClosed);
  try {
    return await use(client);
  } finally {
    output.closed.removeEventListener("abort", onClosed);
    await client.close();
  }
}
