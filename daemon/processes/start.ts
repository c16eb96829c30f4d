/** Starts a program, or explains in words that a person can act on why it could not be started. */
import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { constants } from "node:fs";
import { access, open, stat } from "node:fs/promises";
import { delimiter, resolve, sep } from "node:path";
import type { RunError } from "../../protocol/session.ts";
import { labelOf } from "./outputLines.ts";
import { messageOf, runError } from "../base/errors.ts";

export interface ProgramStart {
  readonly program: string;
  readonly args: readonly string[];
  /** Absolute; `faultOfFolder` found nothing wrong with it. */
  readonly cwd: string;
  readonly environment: NodeJS.ProcessEnv;
  /** Text for stdin, which the caller writes. Without it, stdin is empty and closed. */
  readonly input: string | undefined;
}

/**
 * A group and session of its own separate the program from our terminal, and us from its signals.
 */
export async function startProgram(command: ProgramStart): Promise<ChildProcess | RunError> {
  try {
    const child = spawn(command.program, command.args, {
      cwd: command.cwd,
      env: command.environment,
      stdio: [command.input === undefined ? "ignore" : "pipe", "pipe", "pipe"],
      detached: process.platform !== "win32",
      windowsHide: true,
    });
    if (child.pid !== undefined) return child;
    const [error] = (await once(child, "error")) as [Error];
    return await startError(error, command);
  } catch (error) {
    return await startError(error, command);
  }
}

async function startError(error: unknown, command: ProgramStart): Promise<RunError> {
  const { code } = error as NodeJS.ErrnoException;
  const { program } = command;
  if (code === "ENOENT" || code === "ENOTDIR") {
    return runError("command_not_found", await whyNotFound(command));
  }
  if (code === "EACCES") {
    const path = (await findProgram(command)) ?? program;
    return runError(
      "command_not_found",
      `The program ${path} may not be executed. Make it executable (chmod +x), or name another one.`,
    );
  }
  if (code === "E2BIG" || code === "ERR_INVALID_ARG_VALUE") {
    const fault = code === "E2BIG" ? "are too long" : "hold a NUL character";
    return runError(
      "invalid_request",
      `The arguments for ${program} ${fault}. Give the agent's runner promptVia "stdin" or "file", so that the prompt is no argument.`,
    );
  }
  const cause = messageOf(error);
  return runError("internal", `The program ${program} could not be started: ${cause}`);
}

async function whyNotFound(command: ProgramStart): Promise<string> {
  const { program, cwd } = command;
  const path = await findProgram(command);
  if (path) {
    // The system reports the same error when the interpreter of a script is missing.
    return `The program ${path} cannot run: the interpreter in its first line does not exist${await firstLine(path)}.`;
  }
  if (isPath(program))
    return `There is no program at ${resolve(cwd, program)}. Correct the agent's command.`;
  const folders = (command.environment["PATH"] ?? "").split(delimiter);
  const shown = folders.slice(0, 8).join(delimiter);
  const more = folders.length > 8 ? ` and ${folders.length - 8} more` : "";
  return (
    `The program "${program}" was not found on the PATH (${shown}${more}). ` +
    "Install it, or give its full path as the agent's command."
  );
}

async function findProgram(command: ProgramStart): Promise<string | undefined> {
  const folders = isPath(command.program)
    ? [""]
    : (command.environment["PATH"] ?? "").split(delimiter);
  for (const folder of folders) {
    const path = resolve(command.cwd, folder, command.program);
    const facts = await stat(path).catch(() => undefined);
    if (facts?.isFile()) return path;
  }
  return undefined;
}

async function firstLine(path: string): Promise<string> {
  try {
    await using file = await open(path);
    const { buffer, bytesRead } = await file.read(Buffer.alloc(200), 0, 200, 0);
    const line = buffer.toString("utf8", 0, bytesRead).split("\n")[0] ?? "";
    return line.startsWith("#!") ? ` (${labelOf(line)})` : "";
  } catch {
    return "";
  }
}

function isPath(program: string): boolean {
  return program.includes("/") || program.includes(sep);
}

/** A sentence where the folder cannot be worked in; a start in it would blame the program. */
export async function faultOfFolder(path: string): Promise<string | undefined> {
  try {
    if (!(await stat(path)).isDirectory()) return `The folder to run in is not a folder: ${path}`;
    await access(path, constants.X_OK);
    return undefined;
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === "ENOENT" || code === "ENOTDIR")
      return `The folder to run in does not exist: ${path}`;
    return `The folder to run in cannot be entered (${code}): ${path}`;
  }
}
