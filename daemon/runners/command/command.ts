/**
 * The runner `command`: an agent that is a program. Its output becomes events; the outcome is the
 * result line of its format, or with `text` its exit code.
 */
import type { RunOutcome } from "../../sessions/endings.ts";
import type { ChildProcess } from "node:child_process";
import { mkdir, writeFile } from "node:fs/promises";
import { join, resolve } from "node:path";
import type { CommandRunner } from "../../../protocol/config.ts";
import type { RunError } from "../../../protocol/session.ts";
import type { Log } from "../../base/log.ts";
import { withOwnVariables } from "../../processes/environment.ts";
import type { Exit, ProgramInput } from "../formats/format.ts";
import { isConversation, jsonFormats, readJson } from "../formats/readJson.ts";
import { kept, readOutput, type Reading } from "../formats/reading.ts";
import { readText } from "../formats/text.ts";
import { labelOf } from "../../processes/outputLines.ts";
import type { Processes } from "../../processes/processes.ts";
import { faultOfFolder, startProgram } from "../../processes/start.ts";
import type { ProgramStart } from "../../processes/start.ts";
import { endProgram } from "../../processes/end.ts";
import { untilAborted, withTimeout } from "../../base/until.ts";
import type { RunContext, Runner } from "../runner.ts";
import { messageOf, runError } from "../../base/errors.ts";

/** How long a pipe may stay open and silent after the run's processes have ended. */
const silentPipeMs = 2000;

/** How long a program may stay silent, without an exit, after the result line of its format. */
const defaultLingerMs = 30_000;

interface Parts {
  processes: Processes;
  log: Log;
  lingerMs: number;
}

export function commandRunner(parts: {
  processes: Processes;
  log: Log;
  lingerMs?: number;
}): Runner {
  return {
    async run(context) {
      const command = await prepare(context);
      if ("code" in command) return { status: "error", error: command };
      if (context.signal.aborted) return { status: "aborted" };
      const child = await startProgram(command);
      if ("code" in child) return { status: "error", error: child };
      return supervise(child, command, context, { lingerMs: defaultLingerMs, ...parts });
    },
  };
}

/** From the start of the program to the last event of the attempt. */
async function supervise(
  child: ChildProcess,
  command: Command,
  context: RunContext,
  parts: Parts,
): Promise<RunOutcome> {
  const { processes, log } = parts;
  const exited = new Promise<Exit>((tell) => {
    child.once("exit", (exitCode, signal) => tell([exitCode, signal]));
  });
  child.on("error", (err) =>
    log.warn({ err, runId: context.runId }, "A program's process had an error."),
  );
  const main = processes.identify(child.pid ?? 0);
  if (main) context.processStarted(main);
  context.setActivity({ kind: "process", label: labelOf(commandLine(command)) });
  const reading = openReading(child, command, context, parts);
  const readers = [
    readOutput(child.stdout, context, log, reading.stdout),
    readOutput(child.stderr, context, log, reading.stderr),
  ];
  let outcome: RunOutcome = { status: "aborted" };

  try {
    const isOver = reading.over.then(() => "over" as const);
    const first = await untilAborted(Promise.race([exited, isOver]), context.signal);
    // A program that ended just when the run was aborted has not ended by itself.
    const end = context.signal.aborted ? undefined : first;
    const exit = end === "over" ? undefined : end;
    if (end) {
      if (exit && reading.needsAllOutput) await untilClosed(readers);
      await context.ended(reading.outcome(exit));
    } else {
      if (reading.interrupt()) await withTimeout(exited, context.grace.termAfterMs);
      await endProgram({ child, main, run: context, processes, log });
    }
    await untilClosed(readers);
    for (const reader of readers) reader.stop();
    outcome = end ? reading.outcome(exit) : { status: "aborted", ...kept(reading.result()) };
    if (exit && exit[0] !== 0 && outcome.status === "completed") {
      const text = "The program reported success and then ended with an error.";
      context.emit({ type: "note", level: "warning", text });
    }
    return outcome;
  } finally {
    for (const reader of readers) reader.stop();
    reading.end(outcome);
    child.stdin?.destroy();
  }
}

/** Chooses how the output is read, and writes the program's input. */
function openReading(
  child: ChildProcess,
  command: Command,
  context: RunContext,
  { log, lingerMs }: Parts,
): Reading {
  const stdin = inputOf(child, command, log);
  const { format = "text", promptVia } = command.runner;
  if (format === "text") {
    child.stdin?.end(command.input);
    return readText(context);
  }
  if (!isConversation(format, promptVia)) {
    child.stdin?.end(command.input);
    return readJson({ name: format, context, lingerMs, log });
  }
  const reading = readJson({ name: format, context, stdin, lingerMs, log });
  reading.open(command.input);
  return reading;
}

/** Waits until the pipes close or have been silent for a while. */
async function untilClosed(readers: readonly ReturnType<typeof readOutput>[]): Promise<void> {
  const closed = Promise.all(readers.map((reader) => reader.closed)).then(() => "closed");
  const stepMs = 100;
  for (let leftMs = silentPipeMs; leftMs > 0;) {
    let timer: NodeJS.Timeout | undefined;
    const step = new Promise((after) => (timer = setTimeout(after, stepMs, "still open")));
    const state = await Promise.race([closed, step]);
    clearTimeout(timer);
    if (state === "closed") return;
    // A pipe that waits for the store is not silent.
    if (!readers.some((reader) => reader.isWaiting())) leftMs -= stepMs;
  }
}

function inputOf(child: ChildProcess, { program }: ProgramStart, log: Log): ProgramInput {
  const { stdin } = child;
  stdin?.on("error", (err: NodeJS.ErrnoException) => {
    // A program need not read its input.
    if (err.code !== "EPIPE" && err.code !== "ECONNRESET") {
      log.warn({ err, program }, "Writing a program's input failed.");
    }
  });
  return {
    send(message) {
      if (stdin?.writable !== true) return false;
      stdin.write(`${JSON.stringify(message)}\n`);
      return true;
    },
    close: () => void stdin?.end(),
  };
}

/** A program with its runner of the profile. */
type Command = ProgramStart & { readonly runner: CommandRunner };

async function prepare(context: RunContext): Promise<Command | RunError> {
  const { runner } = context.profile;
  if (runner.kind !== "command") {
    return runError("invalid_request", `The runner "command" cannot run a "${runner.kind}".`);
  }
  const { format = "text" } = runner;
  const supportedFormats = ["text", ...Object.keys(jsonFormats)];
  if (!supportedFormats.includes(format)) {
    const supported = supportedFormats.map((name) => `"${name}"`).join(", ");
    return runError(
      "invalid_request",
      `The format "${format}" is not supported. Supported: ${supported}.`,
    );
  }
  const cwd = resolve(context.cwd, runner.cwd ?? "");
  const cwdFault = await faultOfFolder(cwd);
  if (cwdFault) return runError("cwd_not_found", cwdFault);
  try {
    return {
      ...(await placePrompt(runner, context)),
      cwd,
      environment: withOwnVariables(context.environment, runner.env),
      runner,
    };
  } catch (error) {
    const cause = messageOf(error);
    return runError("internal", `The prompt could not be written to a file: ${cause}`);
  }
}

/** Puts the agent's instructions and the prompt where the profile says. */
async function placePrompt(
  runner: CommandRunner,
  context: RunContext,
): Promise<Pick<ProgramStart, "program" | "args" | "input">> {
  const { profile, prompt, runDir, session } = context;
  const earlier = runner.resumeArgs === undefined ? undefined : context.remembered["sessionId"];
  // A program that continues its own conversation has its instructions already.
  const instructions = earlier === undefined ? profile.prompt : undefined;
  const text = instructions ? `${instructions}\n\n${prompt}` : prompt;
  let argument = text;
  if (runner.promptVia === "file") {
    argument = join(runDir, "prompt.md");
    await mkdir(runDir, { recursive: true, mode: 0o700 });
    await writeFile(argument, text, { mode: 0o600 });
  }
  const values = { prompt: argument, sessionId: session.id, agentSessionId: earlier ?? "" };
  const args = earlier === undefined ? runner.args : runner.resumeArgs;
  return {
    program: runner.command,
    args: (args ?? []).map((arg) =>
      arg.replaceAll(
        /\{(prompt|sessionId|agentSessionId)\}/g,
        (_, name) => values[name as keyof typeof values],
      ),
    ),
    input: runner.promptVia === "stdin" ? text : undefined,
  };
}

function commandLine({ program, args }: ProgramStart): string {
  return [program, ...args].join(" ").slice(0, 1000).replace(/\s+/g, " ");
}
