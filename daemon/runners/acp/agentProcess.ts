/** The process of an agent that serves one run: its start, its stderr, its end. */
import type { ChildProcess } from "node:child_process";
import type { Readable, Writable } from "node:stream";
import type * as z from "zod";
import type { AcpRunner } from "../../../protocol/config.ts";
import type { RunError } from "../../../protocol/session.ts";
import type { Log } from "../../base/log.ts";
import { howToGet } from "../knownAgents.ts";
import { withOwnVariables } from "../../processes/environment.ts";
import type { Exit } from "../formats/format.ts";
import { describeExit, exitFacts, readOutput } from "../formats/reading.ts";
import { endOfText, labelOf, outputLines } from "../../processes/outputLines.ts";
import type { Processes } from "../../processes/processes.ts";
import { faultOfFolder, startProgram } from "../../processes/start.ts";
import type { RunContext } from "../runner.ts";
import { endProgram } from "../../processes/end.ts";
import { withTimeout } from "../../base/until.ts";
import { runError } from "../../base/errors.ts";

export interface AgentProcess {
  readonly input: Writable;
  readonly output: Readable;
  /** The error of the run whose agent has ended. */
  crash(hadSpoken: "spoke" | "neverSpoke"): Promise<RunError>;
  /** Closes stdin, waits a moment for the exit, then sends TERM. */
  leave(): Promise<void>;
  /** Closes stdin and, after `politeMs`, ends the process and all that it started. */
  end(politeMs: number): Promise<void>;
  /** Resolves when all output was emitted, or is no longer awaited. */
  drained(): Promise<void>;
}

interface Parts {
  context: RunContext;
  runner: z.infer<typeof AcpRunner>;
  processes: Processes;
  log: Log;
}

/** How long an agent that has done its work may take to exit, before TERM and again after TERM. */
const leaveMs = 500;
/** How long a pipe may stay open after the known processes have ended. */
const drainMs = 2000;
/** How long output is read after the agent's exit while other processes hold it open. */
const afterExitMs = 500;

export async function startAgent(parts: Parts): Promise<AgentProcess | RunError> {
  const { context, runner } = parts;
  const fault = await faultOfFolder(context.cwd);
  if (fault) return runError("cwd_not_found", fault);
  const started = await startProgram({
    program: runner.command,
    args: runner.args ?? [],
    cwd: context.cwd,
    environment: withOwnVariables(context.environment, runner.env),
    // Stdin is left open and empty: the protocol's messages go there.
    input: "",
  });
  return "code" in started ? withHowToGet(started, runner.command) : watch(started, parts);
}

/** The instructions of a known agent's makers help more than the system's message. */
function withHowToGet(fault: RunError, command: string): RunError {
  const how = fault.code === "command_not_found" ? howToGet(command) : undefined;
  return how === undefined ? fault : { ...fault, message: `${fault.message} ${how}` };
}

function watch(child: ChildProcess, parts: Parts): AgentProcess {
  const { context, runner, processes, log } = parts;
  const { runId } = context;
  const { stdin, stdout, stderr } = child;
  if (!stdin || !stdout || !stderr) throw new Error("A program was started without its pipes.");
  const main = processes.identify(child.pid ?? 0);
  if (main) context.processStarted(main);
  const line = [runner.command, ...(runner.args ?? [])].join(" ");
  context.setActivity({ kind: "process", label: labelOf(line) });

  const exited = new Promise<Exit>((tell) => {
    child.once("exit", (exitCode, signal) => tell([exitCode, signal]));
  });
  child.on("error", (err) => log.warn({ err, runId }, "An agent's process had an error."));
  stdin.on("error", (err) => log.debug({ err, runId }, "An agent takes no more input."));
  const lastWords = endOfText(1024);
  const lines = outputLines((text) => {
    lastWords.add(text);
    context.emit({ type: "output", stream: "stderr", text });
  });
  const errors = readOutput(stderr, context, log, lines);
  const outputClosed = new Promise<void>((tell) => stdout.once("close", tell));
  // A process that holds the pipes of a dead agent open must not delay the end of the run.
  void exited.then(async () => {
    await withTimeout(outputClosed, afterExitMs);
    stdout.destroy();
  });

  return {
    input: stdin,
    output: stdout,
    async crash(hadSpoken) {
      const exit = await withTimeout(exited, leaveMs);
      await withTimeout(errors.closed, afterExitMs);
      const words = labelOf(lastWords.text());
      const how = exit ? describeExit(exit) : "closed its output";
      const said = words === "" ? "" : `: ${words}`;
      const facts = exit ? exitFacts(exit) : {};
      if (hadSpoken === "spoke") {
        return runError(
          "runner_crashed",
          `The agent ${how} in the middle of its run${said}`,
          facts,
        );
      }
      const message = `${runner.command} ${how} before it had answered. Does it speak ACP?${said}`;
      return runError("protocol_error", message, facts);
    },
    async leave() {
      stdin.end();
      if (await withTimeout(exited, leaveMs)) return;
      child.kill("SIGTERM");
      await withTimeout(exited, leaveMs);
    },
    async end(politeMs) {
      stdin.end();
      await withTimeout(exited, politeMs);
      await endProgram({ child, main, run: context, processes, log });
    },
    async drained() {
      const closed = Promise.all([errors.closed, outputClosed]);
      await withTimeout(closed, drainMs);
      stdout.destroy();
      errors.stop();
      stdin.destroy();
    },
  };
}
