/**
 * Starts a command as the leader of a process group and ends all of it: the group, and on Linux
 * also what has moved to another group, which is found by the mark in its environment.
 */
import { spawn } from "node:child_process";
import type { ChildProcessByStdio } from "node:child_process";
import { randomUUID } from "node:crypto";
import { readFile, readdir } from "node:fs/promises";
import type { Readable, Writable } from "node:stream";
import { setTimeout as wait } from "node:timers/promises";

export interface ProcessGroup {
  readonly child: ChildProcessByStdio<Writable | null, Readable, Readable>;
  /** Whether any process of it may still run. */
  isAlive(): Promise<boolean>;
  /** Sends TERM, then KILL after the grace. Resolves when no process is left, within about 3 s. */
  end(): Promise<void>;
}

const graceMs = 2_000;
const killTakesMs = 1_000;
const lookEveryMs = 20;
const markName = "OFFSHOOT_COMMAND";

/** A line for the shell of the platform, or a program with its arguments. */
export type CommandLine = { command: string } | { program: string; args: readonly string[] };

/** `environment` is the whole environment of the command. Without `input` its stdin is empty. */
export function startGroup(task: {
  line: CommandLine;
  input?: "pipe";
  cwd: string;
  environment: Record<string, string>;
}): ProcessGroup {
  const mark = randomUUID();
  const { line } = task;
  const [program, args] = "command" in line ? [line.command, []] : [line.program, line.args];
  const child = spawn(program, args, {
    cwd: task.cwd,
    shell: "command" in line,
    detached: process.platform !== "win32",
    windowsHide: true,
    env: { ...task.environment, [markName]: mark },
    stdio: [task.input ?? "ignore", "pipe", "pipe"],
  }) as ProcessGroup["child"];
  const { pid } = child;
  let ending: Promise<void> | undefined;

  const alive = async (): Promise<number[]> => {
    if (pid === undefined) return [];
    const leader = child.exitCode === null && child.signalCode === null ? [pid] : [];
    if (process.platform === "win32") return leader;
    if (process.platform !== "linux") return canSignal(-pid) ? [pid] : [];
    return [...new Set([...leader, ...(await findMarked(`${markName}=${mark}`))])];
  };
  const tell = async (signal: NodeJS.Signals) => {
    if (pid === undefined) return;
    if (process.platform === "win32") {
      if (signal === "SIGKILL") await runTaskkill(pid);
      return;
    }
    const found = await alive();
    if (found.length === 0) return;
    send(-pid, signal);
    for (const one of found) send(one, signal);
  };
  const endAll = async () => {
    await tell("SIGTERM");
    if (await goneWithin(graceMs, alive)) return;
    await tell("SIGKILL");
    await goneWithin(killTakesMs, alive);
  };

  return {
    child,
    isAlive: async () => (await alive()).length > 0,
    end: () => (ending ??= endAll().finally(() => (ending = undefined))),
  };
}

async function goneWithin(ms: number, alive: () => Promise<number[]>): Promise<boolean> {
  const deadline = performance.now() + ms;
  for (;;) {
    if ((await alive()).length === 0) return true;
    if (performance.now() > deadline) return false;
    await wait(lookEveryMs);
  }
}

/** Processes with this entry in the environment that they were started with; no zombies. */
async function findMarked(entry: string): Promise<number[]> {
  const names = (await readdir("/proc")).filter((name) => /^\d+$/.test(name));
  const marked: number[] = [];
  // Not all at once: a machine with many processes has more of them than we may open files.
  const look = async () => {
    for (let name = names.pop(); name !== undefined; name = names.pop()) {
      // A zombie's is empty, another user's cannot be read, and an ended one's is not there.
      const environment = await readFile(`/proc/${name}/environ`, "latin1").catch(() => "");
      if (environment.includes(entry)) marked.push(Number(name));
    }
  };
  await Promise.all(Array.from({ length: 8 }, look));
  return marked;
}

function canSignal(target: number): boolean {
  try {
    process.kill(target, 0);
    return true;
  } catch {
    return false;
  }
}

/** What has ended meanwhile is no fault. */
function send(target: number, signal: NodeJS.Signals): void {
  try {
    process.kill(target, signal);
  } catch {
    return;
  }
}

async function runTaskkill(pid: number): Promise<void> {
  const killer = spawn("taskkill", ["/pid", String(pid), "/T", "/F"], { stdio: "ignore" });
  await new Promise((resolve) => killer.once("close", resolve).once("error", resolve));
}
