/** The process of an agent that belongs to one run: its start, its stderr, its end. */
import type { spawn as spawnProcess } from "node:child_process";
import type { ChildProcess } from "node:child_process";
import type { Readable, Writable } from "node:stream";
import type * as z from "zod";
import type { AcpRunner } from "../../../protocol/config.ts";
import type { RunError } from "../../../protocol/session.ts";
import type { Log } from "../../log.ts";
import { howToGet } from "../acpProfiles.ts";
import { markVariables } from "../environment.ts";
import { agentError } from "../formats/agentErrors.ts";
import type { Exit } from "../formats/format.ts";
import { describeExit, exitFacts } from "../formats/reading.ts";
import { endOfText, labelOf, outputLines } from "../outputLines.ts";
import type { Processes } from "../processes.ts";
import { failure, faultOfFolder, startProgram } from "../programStart.ts";
import type { RunContext } from "../runner.ts";
import { endProgram } from "../programEnd.ts";
import { untilLate } from "../waiting.ts";

export interface AgentProcess {
  readonly input: Writable;
  readonly output: Readable;
  /** Why the run failed whose agent has gone. */
  crash(hadSpoken: "spoke" | "neverSpoke"): Promise<RunError>;
  /** Closes its stdin and gives it a moment to end by itself, then TERM. */
  leave(): Promise<void>;
  /** Ends it and everything that it started; `politeMs` after its stdin was closed. */
  end(politeMs: number): Promise<void>;
  /** All that it wrote is told, or nobody waits for it any more. */
  drained(): Promise<void>;
}

interface Parts {
  context: RunContext;
  runner: z.infer<typeof AcpRunner>;
  processes: Processes;
  spawn: typeof spawnProcess;
  log: Log;
}

/** How long an agent that has done its work may take to end, before TERM and after it. */
const leaveMs = 500;
/** How long a pipe may stay open after the processes have ended, in somebody's hands unknown. */
const drainMs = 2000;
/** After its exit, an agent's output is read for as long as this when others hold it open. */
const afterExitMs = 500;

export async function startAgent(parts: Parts): Promise<AgentProcess | RunError> {
  const { context, runner, spawn } = parts;
  const fault = await faultOfFolder(context.cwd);
  if (fault) return failure("cwd_not_found", fault);
  const own = Object.entries(runner.env ?? {});
  const isMark = (name: string) => markVariables.some((mark) => mark === name.toUpperCase());
  const started = await startProgram(spawn, {
    program: runner.command,
    args: runner.args ?? [],
    cwd: context.cwd,
    environment: {
      ...context.environment,
      ...Object.fromEntries(own.filter(([name]) => !isMark(name))),
    },
    // Empty, and left open: it is what the agent is spoken to by.
    input: "",
  });
  return "code" in started ? withHowToGet(started, runner.command) : watch(started, parts);
}

/** Of an agent that is known the words of its own makers help more than those of the system. */
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
  child.on("error", (err) => log.warn({ err, runId }, "An agent misbehaved."));
  stdin.on("error", (err) => log.debug({ err, runId }, "An agent takes no more input."));
  const lastWords = endOfText(1024);
  const errors = readErrors(stderr, context, log, (text) => lastWords.add(text));
  const outputClosed = new Promise<void>((tell) => stdout.once("close", tell));
  // Who holds the pipes of a dead agent open must not keep the run from ending.
  void exited.then(async () => {
    await untilLate(outputClosed, afterExitMs);
    stdout.destroy();
  });

  return {
    input: stdin,
    output: stdout,
    async crash(hadSpoken) {
      const exit = await untilLate(exited, leaveMs);
      await untilLate(errors.closed, afterExitMs);
      const words = labelOf(lastWords.text());
      const how = exit ? describeExit(exit) : "closed its output";
      const said = words === "" ? "" : `: ${words}`;
      const facts = exit ? exitFacts(exit) : {};
      if (hadSpoken === "spoke") {
        return agentError(
          "runner_crashed",
          `The agent ${how} in the middle of its run${said}`,
          facts,
        );
      }
      const message = `${runner.command} ${how} before it had answered. Does it speak ACP?${said}`;
      return agentError("protocol_error", message, facts);
    },
    async leave() {
      stdin.end();
      if (await untilLate(exited, leaveMs)) return;
      child.kill("SIGTERM");
      await untilLate(exited, leaveMs);
    },
    async end(politeMs) {
      stdin.end();
      await untilLate(exited, politeMs);
      await endProgram({ child, main, context, processes, log });
    },
    async drained() {
      const closed = Promise.all([errors.closed, outputClosed]);
      await untilLate(closed, drainMs);
      stdout.destroy();
      errors.stop();
      stdin.destroy();
    },
  };
}

/** What an agent writes to stderr is told as it is; never faster than it can be stored. */
function readErrors(
  stderr: Readable,
  context: RunContext,
  log: Log,
  heard: (text: string) => void,
): { closed: Promise<void>; stop(): void } {
  const lines = outputLines((text) => {
    heard(text);
    context.emit({ type: "output", stream: "stderr", text });
  });
  let isStopped = false;
  const read = async () => {
    try {
      for await (const chunk of stderr) {
        if (isStopped) return;
        lines.write(chunk as Buffer);
        await context.ready();
      }
    } catch (err) {
      if (!isStopped) log.debug({ err, runId: context.runId }, "An agent's stderr broke off.");
    }
    if (!isStopped) lines.flush();
  };
  return {
    closed: read(),
    stop() {
      if (isStopped) return;
      lines.flush();
      isStopped = true;
      stderr.destroy();
    },
  };
}
