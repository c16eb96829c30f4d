/**
 * The runner `command`: an agent that is a program. What it prints becomes `output` events, the end
 * of its stdout the result, its exit code the outcome.
 */
import { spawn as spawnProcess } from "node:child_process";
import type { ChildProcess } from "node:child_process";
import { mkdir, writeFile } from "node:fs/promises";
import { join, resolve } from "node:path";
import type { Readable } from "node:stream";
import type { CommandRunner } from "../../protocol/config.ts";
import type { RunError } from "../../protocol/session.ts";
import type { Log } from "../log.ts";
import { markVariables } from "./environment.ts";
import { activityLabel, endOfText, labelOf, outputLines } from "./outputLines.ts";
import type { ProcessRecord, Processes } from "./processes.ts";
import { failure, faultOfFolder, startProgram } from "./programStart.ts";
import type { ProgramStart } from "./programStart.ts";
import type { RunContext, RunOutcome, Runner } from "./runner.ts";

/** A run's result is this much of the end of its stdout, in bytes of UTF-8. */
const resultBytes = 16 * 1024;

/** How long a pipe may stay open and silent after the run has ended, in somebody's hands unknown. */
const silentPipeMs = 2000;

const supportedFormats = ["text"];

/** Runs programs. `spawn` is that of node:child_process. */
export function commandRunner(parts: {
  processes: Processes;
  log: Log;
  spawn?: typeof spawnProcess;
}): Runner {
  const { processes, log, spawn = spawnProcess } = parts;
  return {
    async run(context) {
      const command = await prepare(context);
      if ("code" in command) return { status: "error", error: command };
      if (context.signal.aborted) return { status: "aborted" };
      const child = await startProgram(spawn, command);
      if ("code" in child) return { status: "error", error: child };
      return supervise({ child, command, context, processes, log });
    },
  };
}

type Exit = [exitCode: number | null, signal: NodeJS.Signals | null];

/** From the start of the program to the last event of the attempt. */
async function supervise(parts: {
  child: ChildProcess;
  command: ProgramStart;
  context: RunContext;
  processes: Processes;
  log: Log;
}): Promise<RunOutcome> {
  const { child, command, context, processes, log } = parts;
  const exited = new Promise<Exit>((tell) => {
    child.once("exit", (exitCode, signal) => tell([exitCode, signal]));
  });
  child.on("error", (err) => log.warn({ err, runId: context.runId }, "A program misbehaved."));
  const main = processes.identify(child.pid ?? 0);
  if (main) context.processStarted(main);
  writeInput(child, command, log);

  const activity = activityLabel((label) => context.setActivity({ kind: "process", label }));
  context.setActivity({ kind: "process", label: labelOf(commandLine(command)) });
  const result = endOfText(resultBytes);
  const complaint = endOfText(1024);
  const read = (stream: "stdout" | "stderr") =>
    readOutput(child[stream], context, log, (text) => {
      context.emit({ type: "output", stream, text });
      (stream === "stdout" ? result : complaint).add(text);
      activity.add(text);
    });
  const readers = [read("stdout"), read("stderr")];

  try {
    const exit = await untilAborted(exited, context.signal);
    if (exit) {
      await context.ended(outcomeOf(exit, result.text(), complaint.text()));
    } else {
      await endEverything({ child, main, context, processes, log });
    }
    await untilClosed(readers);
    for (const reader of readers) reader.stop();
    if (exit) return outcomeOf(exit, result.text(), complaint.text());
    return { status: "aborted", ...kept(result.text()) };
  } finally {
    for (const reader of readers) reader.stop();
    child.stdin?.destroy();
    activity.stop();
  }
}

/** How the program ended by itself, or nothing when the run has to end before we knew of that. */
async function untilAborted<Value>(
  exited: Promise<Value>,
  signal: AbortSignal,
): Promise<Value | undefined> {
  let giveUp = () => {};
  const aborted = new Promise<void>((abort) => (giveUp = abort));
  signal.addEventListener("abort", giveUp);
  if (signal.aborted) giveUp();
  const exit = await Promise.race([exited, aborted]);
  signal.removeEventListener("abort", giveUp);
  return signal.aborted ? undefined : (exit ?? undefined);
}

/** A program has no polite word: TERM at once, KILL after the grace, to all that it started. */
async function endEverything(parts: {
  child: ChildProcess;
  main: ProcessRecord | undefined;
  context: RunContext;
  processes: Processes;
  log: Log;
}): Promise<void> {
  const { child, main, context, processes, log } = parts;
  const { runId, grace } = context;
  try {
    const find = { runId, records: main ? [main] : [] };
    await processes.endProcesses({ find, killAfterMs: grace.killAfterMs });
  } catch (err) {
    log.error({ err, runId }, "The processes of a run could not be looked for.");
  }
  child.kill("SIGKILL");
}

function outcomeOf([exitCode, signal]: Exit, result: string, complaint: string): RunOutcome {
  if (exitCode === 0) return { status: "completed", result };
  const how = signal ? `ended by signal ${signal}` : `exited with code ${exitCode}`;
  const lastWords = labelOf(complaint);
  const error: RunError = {
    code: "exit_nonzero",
    message: lastWords === "" ? how : `${how}: ${lastWords}`,
    retryable: false,
    ...(exitCode === null ? {} : { exitCode }),
    ...(signal === null ? {} : { signal }),
  };
  return { status: "error", error, ...kept(result) };
}

function kept(result: string): { result?: string } {
  return result === "" ? {} : { result };
}

interface Reader {
  /** The stream has ended and all of it was given out. */
  readonly closed: Promise<void>;
  /** What was read waits for the store. */
  isWaiting(): boolean;
  /** Gives out what is held; nothing more is read. */
  stop(): void;
}

function readOutput(
  stream: Readable | null,
  context: RunContext,
  log: Log,
  give: (text: string) => void,
): Reader {
  const lines = outputLines(give);
  let waiting = false;
  let stopped = false;
  const read = async () => {
    try {
      for await (const chunk of stream ?? []) {
        if (stopped) return;
        lines.write(chunk as Buffer);
        waiting = true;
        await context.ready();
        waiting = false;
      }
    } catch (err) {
      if (!stopped) log.warn({ err, runId: context.runId }, "A program's output broke off.");
    }
    if (!stopped) lines.flush();
  };
  return {
    closed: read(),
    isWaiting: () => waiting,
    stop() {
      if (stopped) return;
      lines.flush();
      stopped = true;
      stream?.destroy();
    },
  };
}

/** Waits for the pipes to close, but not for ever on one that is held open and silent. */
async function untilClosed(readers: readonly Reader[]): Promise<void> {
  const closed = Promise.all(readers.map((reader) => reader.closed)).then(() => "closed");
  const stepMs = 100;
  for (let leftMs = silentPipeMs; leftMs > 0;) {
    let timer: NodeJS.Timeout | undefined;
    const step = new Promise((after) => (timer = setTimeout(after, stepMs, "still open")));
    const state = await Promise.race([closed, step]);
    clearTimeout(timer);
    if (state === "closed") return;
    // A slow store is no fault of the pipe.
    if (!readers.some((reader) => reader.isWaiting())) leftMs -= stepMs;
  }
}

function writeInput(child: ChildProcess, command: ProgramStart, log: Log): void {
  child.stdin?.on("error", (err: NodeJS.ErrnoException) => {
    // A program need not read what it is given.
    if (err.code !== "EPIPE" && err.code !== "ECONNRESET") {
      log.warn({ err, program: command.program }, "A program's input broke off.");
    }
  });
  child.stdin?.end(command.input);
}

async function prepare(context: RunContext): Promise<ProgramStart | RunError> {
  const { runner } = context.profile;
  if (runner.kind !== "command") {
    return failure("invalid_request", `The runner "command" cannot run a "${runner.kind}".`);
  }
  const { format = "text" } = runner;
  if (!supportedFormats.includes(format)) {
    const supported = supportedFormats.map((name) => `"${name}"`).join(", ");
    return failure(
      "invalid_request",
      `The format "${format}" is not supported. Supported: ${supported}.`,
    );
  }
  const cwd = resolve(context.cwd, runner.cwd ?? "");
  const cwdFault = await faultOfFolder(cwd);
  if (cwdFault) return failure("cwd_not_found", cwdFault);
  try {
    return {
      ...(await placePrompt(runner, context)),
      cwd,
      environment: environment(runner, context),
    };
  } catch (error) {
    const cause = error instanceof Error ? error.message : String(error);
    return failure("internal", `The prompt could not be written to a file: ${cause}`);
  }
}

/** Puts the agent's instructions and the prompt where the profile wants to have them. */
async function placePrompt(
  runner: CommandRunner,
  context: RunContext,
): Promise<Pick<ProgramStart, "program" | "args" | "input">> {
  const { profile, prompt, runDir } = context;
  const text = profile.prompt ? `${profile.prompt}\n\n${prompt}` : prompt;
  let argument = text;
  if (runner.promptVia === "file") {
    argument = join(runDir, "prompt.md");
    await mkdir(runDir, { recursive: true, mode: 0o700 });
    await writeFile(argument, text, { mode: 0o600 });
  }
  return {
    program: runner.command,
    args: (runner.args ?? []).map((arg) => arg.split("{prompt}").join(argument)),
    input: runner.promptVia === "stdin" ? text : undefined,
  };
}

function environment(runner: CommandRunner, context: RunContext): Record<string, string> {
  const own = Object.entries(runner.env ?? {});
  const isMark = (name: string) => markVariables.some((mark) => mark === name.toUpperCase());
  const allowed = own.filter(([name]) => !isMark(name));
  return { ...context.environment, ...Object.fromEntries(allowed) };
}

function commandLine({ program, args }: ProgramStart): string {
  return [program, ...args].join(" ").slice(0, 1000).replace(/\s+/g, " ");
}
