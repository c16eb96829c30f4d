/**
 * The leak check that every suite ends with: whatever was not there when the suite began must be
 * gone soon after its last test: open handles (timers, sockets, servers, watchers), processes and
 * files.
 *
 * Processes are looked up in /proc, so on Linux only; handles and files everywhere.
 */
import { readdirSync, readFileSync, readlinkSync, rmSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { notByTests, testFolder } from "./testFolder.ts";

const recheckMs = 20;

/** Call it inside `describe`. The look round comes after all `after` hooks of the suite. */
export function checkLeaks(): void {
  before("note what is there", async function () {
    const earlier = await takeSnapshot();
    // Hooks run in the order of their registration, and by now the suite has registered its own.
    this.test?.parent?.afterAll("nothing leaks", async () => {
      const leaks = await leaksSince(earlier);
      // The next suite starts clean, and the machine keeps nothing of ours.
      for (const { pid } of leaks.processes) killIfThere(pid);
      for (const file of leaks.files) rmSync(file, { recursive: true, force: true });
      if (leaks.sentences.length > 0) {
        throw new Error(`the suite leaves behind:\n  ${leaks.sentences.join("\n  ")}`);
      }
    });
  });
}

/** A process of these tests: a direct child, or one that names the test folder or works in it. */
export interface FoundProcess {
  pid: number;
  /** Pid and start time: a pid that is used again is another process. */
  identity: string;
  parentPid: number;
  command: string;
  /** The `OFFSHOOT_RUN` of its environment. */
  run: string | undefined;
}

export interface Snapshot {
  /** How many there are of each type that `process.getActiveResourcesInfo()` knows. */
  handles: Map<string, number>;
  processes: FoundProcess[];
  files: string[];
}

/** What is there now. mocha's own timer of the running test is among the handles every time. */
export async function takeSnapshot(): Promise<Snapshot> {
  // mocha starts that timer only after the test's function has returned its promise.
  await pause(recheckMs);
  const handles = new Map<string, number>();
  for (const type of process.getActiveResourcesInfo()) {
    handles.set(type, (handles.get(type) ?? 0) + 1);
  }
  const files = readdirSync(testFolder)
    .filter((name) => !notByTests.has(name))
    .map((name) => join(testFolder, name));
  return { handles, processes: ourProcesses(), files };
}

export interface Leaks {
  processes: FoundProcess[];
  /** Absolute paths. */
  files: string[];
  sentences: string[];
}

/** Everything that was not there `earlier`, once what is just ending has had its grace. */
export async function leaksSince(earlier: Snapshot, graceMs = 10_000): Promise<Leaks> {
  const deadline = Date.now() + graceMs;
  for (;;) {
    const leaks = difference(earlier, await takeSnapshot());
    if (leaks.sentences.length === 0 || Date.now() > deadline) return leaks;
  }
}

function difference(earlier: Snapshot, now: Snapshot): Leaks {
  const knownProcesses = new Set(earlier.processes.map(({ identity }) => identity));
  const processes = now.processes.filter(({ identity }) => !knownProcesses.has(identity));
  const sentences = processes.map(
    ({ pid, command, run }) =>
      `process ${pid}${run === undefined ? "" : ` of run ${run}`}: ${command}`,
  );
  for (const [type, count] of now.handles) {
    const more = count - (earlier.handles.get(type) ?? 0);
    if (more > 0) sentences.push(`${more} open handle(s) of type ${type}`);
  }
  const knownFiles = new Set(earlier.files);
  const files = now.files.filter((file) => !knownFiles.has(file));
  return { processes, files, sentences: [...sentences, ...files] };
}

/**
 * Living processes of these tests, zombies not counted, and none of the tests that run beside them in
 * a process of their own. Empty where there is no /proc.
 */
export function ourProcesses(): FoundProcess[] {
  if (process.platform !== "linux") return [];
  return readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name))
    .flatMap((name) => {
      const found = readProcess(Number(name));
      return found === undefined ? [] : [found];
    });
}

function readProcess(pid: number): FoundProcess | undefined {
  if (pid === process.pid) return undefined;
  const stat = readProc(pid, "stat");
  // The second field is the program's name in brackets, which may itself contain both.
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  const [state, parent] = fields;
  const startTime = fields[19];
  if (startTime === undefined || state === "Z" || state === "X") return undefined;

  const parentPid = Number(parent);
  const environment = readProc(pid, "environ");
  const command = readProc(pid, "cmdline").replaceAll("\0", " ").trim();
  const run = /(?:^|\0)OFFSHOOT_RUN=([^\0]*)/.exec(environment)?.[1];
  const isOurs =
    parentPid === process.pid ||
    environment.includes(testFolder) ||
    command.includes(testFolder) ||
    workFolder(pid).startsWith(testFolder);
  return isOurs ? { pid, identity: `${pid}@${startTime}`, parentPid, command, run } : undefined;
}

/** Empty when the process has ended meanwhile or belongs to somebody else. */
function readProc(pid: number, file: string): string {
  try {
    return readFileSync(`/proc/${pid}/${file}`, "utf8");
  } catch {
    return "";
  }
}

/** Empty as above. */
function workFolder(pid: number): string {
  try {
    return readlinkSync(`/proc/${pid}/cwd`);
  } catch {
    return "";
  }
}

function killIfThere(pid: number): void {
  try {
    process.kill(pid, "SIGKILL");
  } catch {
    // It has ended between the look and the kill.
  }
}
