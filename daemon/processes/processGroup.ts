/**
 * Starts a command as the leader of a process group, with a mark by which all of its processes are
 * found and ended, wherever they moved.
 */
import { spawn } from "node:child_process";
import type { ChildProcessByStdio } from "node:child_process";
import { randomUUID } from "node:crypto";
import type { Readable, Writable } from "node:stream";
import type { Processes } from "./processes.ts";

export interface ProcessGroup {
  readonly child: ChildProcessByStdio<Writable | null, Readable, Readable>;
  /** Whether any process of it may still run. */
  isAlive(): Promise<boolean>;
  /** Sends TERM, then KILL after the grace. Resolves when no process is left, within about 3 s. */
  end(): Promise<unknown>;
}

const graceMs = 2_000;

/** A line for the shell of the platform, or a program with its arguments. */
export type CommandLine = { command: string } | { program: string; args: readonly string[] };

/** `environment` is the whole environment of the command. Without `input` its stdin is empty. */
export function startGroup(
  task: {
    line: CommandLine;
    input?: "pipe";
    cwd: string;
    environment: Record<string, string>;
  },
  processes: Processes,
): ProcessGroup {
  const commandId = randomUUID();
  const { line } = task;
  const [program, args] = "command" in line ? [line.command, []] : [line.program, line.args];
  const child = spawn(program, args, {
    cwd: task.cwd,
    shell: "command" in line,
    detached: process.platform !== "win32",
    windowsHide: true,
    env: { ...task.environment, OFFSHOOT_COMMAND: commandId },
    stdio: [task.input ?? "ignore", "pipe", "pipe"],
  }) as ProcessGroup["child"];
  const main = child.pid === undefined ? undefined : processes.identify(child.pid);
  const find = { commandId, records: main ? [main] : [] };
  let ending: Promise<unknown> | undefined;
  return {
    child,
    isAlive: async () => (await processes.find(find)).length > 0,
    end() {
      ending ??= processes
        .endProcesses({ find, killAfterMs: graceMs })
        .finally(() => (ending = undefined));
      return ending;
    },
  };
}
