/**
 * Starts a command as the leader of a process group and ends all of it: the group, and on Linux
 * also what has moved to another group, which is found by the mark in its environment.
 */
import { spawn } from "node:child_process";
import type { ChildProcessByStdio } from "node:child_process";
import { randomUUID } from "node:crypto";
import { readFile, readdir } from "node:fs/promises";
import type { Readable } from "node:stream";
import { setTimeout as wait } from "node:timers/promises";

export interface ProcessGroup {
  readonly child: ChildProcessByStdio<null, Readable, Readable>;
  /** Whether any process of it may still run. */
  isAlive(): Promise<boolean>;
  /** TERM, then KILL after the grace. Resolves when nothing of it is left, within about 3 s. */
  end(): Promise<void>;
}

const graceMs = 2_000;
const killTakesMs = 1_000;
const lookEveryMs = 20;
const markName = "OFFSHOOT_COMMAND";

/** Through the shell of the platform. `environment` is all that the command gets. */
export function startGroup(task: {
  command: string;
  cwd: string;
  environment: Record<string, string>;
}): ProcessGroup {
  const mark = randomUUID();
  const child = spawn(task.command, {
    cwd: task.cwd,
    shell: true,
    detached: process.platform !== "win32",
    windowsHide: true,
    env: { ...task.environment, [markName]: mark },
    stdio: ["ignore", "pipe", "pipe"],
  });
  const { pid } = child;
  let ending: Promise<void> | undefined;

  const alive = async (): Promise<number[]> => {
    if (pid === undefined) return [];
    if (process.platform === "linux") return await findMarked(`${markName}=${mark}`);
    if (process.platform === "win32") return child.exitCode === null ? [pid] : [];
    return canSignal(-pid) ? [pid] : [];
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
  const marked = await Promise.all(
    names.map(async (name) => {
      // A zombie's is empty, another user's cannot be read, and an ended one's is not there.
      const environment = await readFile(`/proc/${name}/environ`, "latin1").catch(() => "");
      return environment.includes(entry) ? [Number(name)] : [];
    }),
  );
  return marked.flat();
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
