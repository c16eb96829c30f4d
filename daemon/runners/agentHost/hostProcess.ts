/**
 * The process of the built-in agent: its start, its last words, its end. It serves many runs and so
 * carries the mark of none; it has one of its own, by which also a later core finds it and whatever
 * it started for several runs, such as MCP servers that they share.
 */
import { spawn, type ChildProcess } from "node:child_process";
import { randomUUID } from "node:crypto";
import type { Readable } from "node:stream";
import type { RunError } from "../../../protocol/session.ts";
import type { Log } from "../../log.ts";
import { openAcpConnection, type AcpConnection } from "../acp/connection.ts";
import { untilAborted, untilLate } from "../waiting.ts";
import { agentError } from "../formats/agentErrors.ts";
import type { Exit } from "../formats/format.ts";
import { describeExit, exitFacts } from "../formats/reading.ts";
import { endOfText, labelOf } from "../outputLines.ts";
import type { Processes } from "../processes.ts";
import { startProgram } from "../programStart.ts";

/**
 * Megabytes of JavaScript that an agent host may hold. A leak then ends the host and its runs,
 * which begin again in a new one, and not the machine.
 */
export const mostHostHeapMb = 2_048;

/** A host that has not said hello by then never will. */
const helloTakesMs = 30_000;
/** How long a host may take for its leave when its stdin was closed: it ends its commands first. */
const leaveMs = 5_000;
const killAfterMs = 1_000;
/** After its exit its output is read for as long as this, when others hold it open. */
const afterExitMs = 500;

export interface HostProcess {
  /** Its mark: the OFFSHOOT_RUN of its environment. */
  readonly mark: string;
  readonly pid: number;
  readonly connection: AcpConnection;
  /** Settles with the process's end, however that came. */
  readonly exited: Promise<Exit>;
  /** Why a run failed that was on this host when it went. */
  crash(): Promise<RunError>;
  /** Closes its stdin, upon which it ends by itself, and ends whatever is left after a while. */
  leave(): Promise<void>;
  /** Ends it and all of its own at once. The sentence is what its runs are told as the reason. */
  kill(why: string): Promise<void>;
}

export interface HostParts {
  /** How to call `offshoot` itself: a Node, its options, the entry. */
  selfCommand: readonly string[];
  /** All of the core's: the agent reads the keys of its providers from it. */
  environment: NodeJS.ProcessEnv;
  /** The core's state folder. */
  stateDir: string;
  processes: Processes;
  /** Takes the keys of providers out of a text. */
  redact: (text: string) => string;
  log: Log;
}

/**
 * Starts a host and says hello to it; answers why there is none where that fails. Nobody wants it
 * any more when `unwanted` is aborted.
 */
export async function startHost(
  parts: HostParts,
  unwanted: AbortSignal,
): Promise<HostProcess | RunError> {
  const { selfCommand, environment, stateDir, log } = parts;
  const mark = `host-${randomUUID()}`;
  const { OFFSHOOT_SESSION: _ofNoRun, ...inherited } = environment;
  const [node = process.execPath, ...rest] = selfCommand;
  const child = await startProgram(spawn, {
    program: node,
    args: [`--max-old-space-size=${mostHostHeapMb}`, ...rest, "agent"],
    cwd: stateDir,
    environment: definedOnly({
      ...inherited,
      OFFSHOOT_RUN: mark,
      OFFSHOOT_STATE_DIR: stateDir,
    }),
    input: "",
  });
  if ("code" in child) return { ...child, code: "internal" };
  const watched = watch(child, { ...parts, mark });
  const hello = openAcpConnection({
    ...{ input: watched.stdin, output: watched.stdout, log },
    strays: "drop",
    noise: (line) => log.debug({ line: labelOf(line) }, "an agent host wrote no message"),
  });
  const tooLate = AbortSignal.any([unwanted, AbortSignal.timeout(helloTakesMs)]);
  try {
    const connection = await untilAborted(hello, tooLate);
    if (connection !== undefined) return { ...watched.process, connection };
  } catch (err) {
    log.warn({ err }, "an agent host could not be spoken to");
    // One that ends by itself says more than that.
    await untilLate(watched.process.exited, afterExitMs);
  }
  await watched.process.kill("could not be spoken to after its start, and was ended");
  return await watched.process.crash();
}

function definedOnly(environment: NodeJS.ProcessEnv): Record<string, string> {
  const entries = Object.entries(environment);
  return Object.fromEntries(entries.filter((one): one is [string, string] => one[1] !== undefined));
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
  child.on("error", (err) => log.warn({ err, pid }, "an agent host misbehaved"));
  stdin.on("error", (err) => log.debug({ err, pid }, "an agent host takes no more input"));
  stderr.setEncoding("utf8").on("data", (text: string) => lastWords.add(text));
  const closed = Promise.all([closeOf(stdout), closeOf(stderr)]);
  void exited.then(async () => {
    // Who holds the pipes of a dead host open must not keep its runs from ending.
    await untilLate(closed, afterExitMs);
    for (const stream of [stdin, stdout, stderr]) stream.destroy();
  });

  const describeEnd = (exit: Exit | undefined) => {
    const text = redact(lastWords.text());
    // What the engine writes then ends with addresses that help nobody.
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
      log.error({ err, pid }, "the processes of an agent host could not be looked for");
    }
    child.kill("SIGKILL");
    await exited;
  };
  // Whatever it shared between runs goes with it, also when it went by itself.
  void exited.then(() => (ending ??= endAll()));

  const host: Omit<HostProcess, "connection"> = {
    mark,
    pid,
    exited,
    async crash() {
      const exit = await untilLate(exited, 2 * afterExitMs);
      await untilLate(closed, 2 * afterExitMs);
      const message = `The process of the built-in agent ${killedBecause ?? describeEnd(exit)}`;
      return agentError("runner_crashed", message, exit ? exitFacts(exit) : {});
    },
    async leave() {
      stdin.end();
      await untilLate(exited, leaveMs);
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
