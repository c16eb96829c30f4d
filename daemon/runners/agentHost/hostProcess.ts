/**
 * The process of the built-in agent: its start, its last output, its end. The process serves many
 * runs and so carries no run's mark; by a mark of its own a later core finds it and what it started
 * for several runs, such as shared MCP servers.
 */
import type { ChildProcess } from "node:child_process";
import { randomUUID } from "node:crypto";
import type { Readable } from "node:stream";
import type { RunError } from "../../../protocol/session.ts";
import type { Log } from "../../base/log.ts";
import { openAcpConnection, type AcpConnection } from "../acp/connection.ts";
import { untilAborted, withTimeout } from "../../base/until.ts";
import type { Exit } from "../formats/format.ts";
import { describeExit, exitFacts } from "../formats/reading.ts";
import { endOfText, labelOf } from "../../processes/outputLines.ts";
import type { Processes } from "../../processes/processes.ts";
import { startProgram } from "../../processes/start.ts";
import { runError } from "../../base/errors.ts";

/**
 * Megabytes of heap that an agent host may use. A leak then ends the host, whose runs restart in a
 * new one, and does not fill the machine.
 */
export const mostHostHeapMb = 2_048;

/** How long a host may take to answer `initialize`. */
const helloTakesMs = 30_000;
/** How long a host may take to exit after its stdin was closed: it ends its commands first. */
const leaveMs = 5_000;
const killAfterMs = 1_000;
/** How long output is read after the host's exit while other processes hold it open. */
const afterExitMs = 500;

export interface HostProcess {
  /** The OFFSHOOT_RUN of the host's environment. */
  readonly mark: string;
  readonly pid: number;
  readonly connection: AcpConnection;
  /** Settles when the process has exited, for whatever reason. */
  readonly exited: Promise<Exit>;
  /** The error of a run that used this host when it ended. */
  crash(): Promise<RunError>;
  /** Closes stdin, so that the host exits, and after a while ends what is left. */
  leave(): Promise<void>;
  /** Kills the host and all that it started. `why` completes the sentence of its runs' error. */
  kill(why: string): Promise<void>;
}

export interface HostParts {
  /** The command line of `offshoot` itself: Node, its options, the entry. */
  selfCommand: readonly string[];
  /** The core's whole environment: the agent reads the keys of providers from it. */
  environment: NodeJS.ProcessEnv;
  /** The core's state folder. */
  stateDir: string;
  processes: Processes;
  /** Removes the keys of providers from a text. */
  redact: (text: string) => string;
  log: Log;
}

/**
 * Starts a host and opens its connection; returns why there is none where that fails. Aborting
 * `unwanted` gives the host up.
 */
export async function startHost(
  parts: HostParts,
  unwanted: AbortSignal,
): Promise<HostProcess | RunError> {
  const { selfCommand, environment, stateDir, log } = parts;
  const mark = `host-${randomUUID()}`;
  const { OFFSHOOT_SESSION: _ofNoRun, ...inherited } = environment;
  const [node = process.execPath, ...rest] = selfCommand;
  const child = await startProgram({
    program: node,
    args: [`--max-old-space-size=${mostHostHeapMb}`, ...rest, "agent"],
    cwd: stateDir,
    environment: { ...inherited, OFFSHOOT_RUN: mark, OFFSHOOT_STATE_DIR: stateDir },
    input: "",
  });
  if ("code" in child) return { ...child, code: "internal" };
  const watched = watch(child, { ...parts, mark });
  const hello = openAcpConnection({
    ...{ input: watched.stdin, output: watched.stdout, log },
    unroutedUpdates: "drop",
    nonJsonLine: (line) =>
      log.debug({ line: labelOf(line) }, "an agent host wrote a line that is not a message"),
  });
  const tooLate = AbortSignal.any([unwanted, AbortSignal.timeout(helloTakesMs)]);
  try {
    const connection = await untilAborted(hello, tooLate);
    if (connection !== undefined) return { ...watched.process, connection };
  } catch (err) {
    log.warn({ err }, "the connection to an agent host could not be opened");
    // The host's own exit explains more than the broken connection.
    await withTimeout(watched.process.exited, afterExitMs);
  }
  await watched.process.kill("did not answer after its start, and was ended");
  return await watched.process.crash();
}

function watch(child: ChildProcess, parts: HostParts & { mark: string }) {
  const { mark, processes, redact, log } = parts;
  const { stdin, stdout, stderr, pid = 0 } = child;
  if (!stdin || !stdout || !stderr) throw new Error("A program was started without its pipes.");
  const main = processes.identify(pid);
  const find = { runId: mark, records: main ? [main] : [] };
  const lastWords = endOfText(8192);
  let killedBecause: string | undefined;
  let ending: Promise<void> | undefined;

  const exited = new Promise<Exit>((tell) => {
    child.once("exit", (exitCode, signal) => tell([exitCode, signal]));
  });
  child.on("error", (err) => log.warn({ err, pid }, "an agent host's process had an error"));
  stdin.on("error", (err) => log.debug({ err, pid }, "an agent host takes no more input"));
  stderr.setEncoding("utf8").on("data", (text: string) => lastWords.add(text));
  const closed = Promise.all([closeOf(stdout), closeOf(stderr)]);
  void exited.then(async () => {
    // A process that holds the pipes of a dead host open must not delay the end of its runs.
    await withTimeout(closed, afterExitMs);
    for (const stream of [stdin, stdout, stderr]) stream.destroy();
  });

  const describeEnd = (exit: Exit | undefined) => {
    const text = redact(lastWords.text());
    // The engine's own output ends with addresses that are of no use.
    if (text.includes("heap out of memory")) return `needed more than ${mostHostHeapMb} MB`;
    const words = labelOf(text);
    const how = exit ? describeExit(exit) : "closed its output";
    return words === "" ? how : `${how}: ${words}`;
  };
  const endAll = async () => {
    try {
      await processes.endProcesses({
        find,
        killAfterMs: killedBecause === undefined ? killAfterMs : 0,
      });
    } catch (err) {
      log.error({ err, pid }, "the processes of an agent host could not be searched for");
    }
    child.kill("SIGKILL");
    await exited;
  };
  // Whatever the host shared between runs ends with it, also when the host exited by itself.
  void exited.then(() => (ending ??= endAll()));

  const host: Omit<HostProcess, "connection"> = {
    mark,
    pid,
    exited,
    async crash() {
      const exit = await withTimeout(exited, 2 * afterExitMs);
      await withTimeout(closed, 2 * afterExitMs);
      const message = `The process of the built-in agent ${killedBecause ?? describeEnd(exit)}`;
      return runError("runner_crashed", message, exit ? exitFacts(exit) : {});
    },
    async leave() {
      stdin.end();
      await withTimeout(exited, leaveMs);
      await (ending ??= endAll());
    },
    async kill(why) {
      if (child.exitCode === null && child.signalCode === null) killedBecause ??= why;
      await (ending ??= endAll());
    },
  };
  return { process: host, stdin, stdout };
}

function closeOf(stream: Readable): Promise<void> {
  return new Promise((resolve) => void stream.once("close", resolve));
}
