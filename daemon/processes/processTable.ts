/**
 * Reads the table of processes from the operating system and finds which of them belong together.
 * Nothing here sends a signal.
 *
 * Linux reads /proc. macOS asks `ps`, which has start times of one second, no session ids, and
 * hides the environment of the system's own programs: there, a program that moved to another
 * process group and lost its parent is found only when its environment can be read. Windows asks
 * PowerShell, which knows parents but no environment: a process whose parent has ended is not found
 * there. Both are best effort.
 */
import { execFile, execFileSync } from "node:child_process";
import { closeSync, openSync, readdirSync, readFileSync, readSync } from "node:fs";
import { uptime } from "node:os";
import { promisify } from "node:util";

/** A process, safe against reuse of its number. `startTime` is opaque: compare it, nothing else. */
export interface ProcessRecord {
  readonly pid: number;
  readonly startTime: string;
}

/** The marks in a process's environment, where there are any and they can be read. */
interface Marks {
  readonly runId?: string | undefined;
  readonly stateDir?: string | undefined;
  readonly commandId?: string | undefined;
}

export interface ProcessEntry extends ProcessRecord, Marks {
  readonly parentPid: number;
  readonly groupId: number;
  /** The session id of the operating system; the group where there is none. */
  readonly sessionId: number;
  /** A zombie: ended, but not yet reaped by its parent. */
  readonly ended: boolean;
}

/** Selects processes: all of these, and every descendant of them. */
export interface Wanted {
  /** Every process with the mark of this run. */
  readonly runId?: string;
  /** Every process with the mark of any run of the core with this state folder. */
  readonly stateDir?: string;
  /** Every process with the mark of this command of the built-in agent. */
  readonly commandId?: string;
  /** These processes, with the sessions and groups that they lead or led. */
  readonly records?: readonly ProcessRecord[];
}

export interface ProcessSource {
  /** Reads all processes. Rejects when the system cannot list them at the moment. */
  scan(): Promise<ProcessEntry[]>;
  /** The process that has this number now. */
  identify(pid: number): ProcessRecord | undefined;
  /**
   * Whether this same process still runs; where only the number can be checked, whether that is
   * taken. Undefined when the system cannot say, for lack of a file descriptor.
   */
  runs(record: ProcessRecord): boolean | undefined;
  /** False for a record from before the machine was started: its number means nothing now. */
  canExist(record: ProcessRecord): boolean;
}

export type ProcessTable = ReturnType<typeof processTable>;

/** A snapshot of all processes with indexes. */
export function processTable(
  entries: readonly ProcessEntry[],
  source: Pick<ProcessSource, "canExist">,
  ownPid: number,
) {
  const byPid = new Map(entries.map((entry) => [entry.pid, entry]));
  const byRun = Map.groupBy(entries, (entry) => entry.runId);
  const byCommand = Map.groupBy(entries, (entry) => entry.commandId);
  const byParent = Map.groupBy(entries, (entry) => entry.parentPid);
  const bySession = Map.groupBy(entries, (entry) => entry.sessionId);
  const byGroup = Map.groupBy(entries, (entry) => entry.groupId);
  const untouchable = ownLine(byPid, ownPid);

  /** What a leader leads or led; nothing when its number belongs to another process by now. */
  const ledBy = (record: ProcessRecord) => {
    const holder = byPid.get(record.pid);
    if (holder && holder.startTime !== record.startTime) return [];
    return [...(bySession.get(record.pid) ?? []), ...(byGroup.get(record.pid) ?? [])];
  };

  return {
    /** Never our own process, nor an ancestor of ours, nor one that has ended. */
    of(wanted: Wanted): ProcessEntry[] {
      const found = new Set<ProcessEntry>();
      const reached: ProcessEntry[] = [];
      if (wanted.runId !== undefined) reached.push(...(byRun.get(wanted.runId) ?? []));
      if (wanted.commandId !== undefined) {
        reached.push(...(byCommand.get(wanted.commandId) ?? []));
      }
      if (wanted.stateDir !== undefined) {
        reached.push(
          ...entries.filter((entry) => entry.runId && entry.stateDir === wanted.stateDir),
        );
      }
      for (const record of wanted.records ?? []) {
        if (!source.canExist(record)) continue;
        const holder = byPid.get(record.pid);
        if (holder?.startTime === record.startTime) reached.push(holder);
        reached.push(...ledBy(record));
      }
      for (let entry = reached.pop(); entry; entry = reached.pop()) {
        if (found.has(entry) || untouchable.has(entry.pid)) continue;
        found.add(entry);
        reached.push(...(byParent.get(entry.pid) ?? []), ...ledBy(entry));
      }
      return [...found].filter((entry) => !entry.ended);
    },

    /** The groups of which every process that still runs is among these, which must be of this table. */
    wholeGroups(members: readonly ProcessEntry[]): Set<number> {
      const meant = new Set(members);
      const isMeant = (entry: ProcessEntry) => entry.ended || meant.has(entry);
      const groups = new Set(members.map((entry) => entry.groupId));
      return new Set([...groups].filter((id) => id > 1 && byGroup.get(id)?.every(isMeant)));
    },
  };
}

/** Our own process, its ancestors, and always the first process. */
function ownLine(byPid: ReadonlyMap<number, ProcessEntry>, ownPid: number): Set<number> {
  const line = new Set([0, 1]);
  for (let pid = ownPid; !line.has(pid); pid = byPid.get(pid)?.parentPid ?? 0) line.add(pid);
  return line;
}

/** How often a snapshot is extended while new processes appear. */
const maxRounds = 10;

export function processSource(platform: NodeJS.Platform = process.platform): ProcessSource {
  if (platform === "linux") return linuxSource();
  return platform === "win32" ? windowsSource() : psSource(platform);
}

/**
 * The numbers are those of the fields of /proc/PID/stat in proc(5). A start time is in ticks since
 * the machine was started, so the identity of that start is made part of it.
 */
function linuxSource(): ProcessSource {
  const boot = readFileSync("/proc/sys/kernel/random/boot_id", "latin1").slice(0, 8);
  const buffer = Buffer.allocUnsafe(1024 * 1024);
  // A process keeps its environment until it executes another program, which puts it elsewhere:
  // knowing where it was spares reading it again at every look.
  let marksByPid = new Map<number, Marks & { where: string }>();

  const read = (path: string) => {
    let file: number | undefined;
    try {
      file = openSync(path, "r");
      return buffer.toString("latin1", 0, readSync(file, buffer, 0, buffer.length, 0));
    } catch (error) {
      // A lack of descriptors or memory does not mean that the process has ended.
      if (means(error, "EMFILE", "ENFILE", "ENOMEM")) throw error;
      return "";
    } finally {
      if (file !== undefined) closeSync(file);
    }
  };

  const stat = (pid: number) => {
    const text = read(`/proc/${pid}/stat`);
    if (text === "") return undefined;
    // The second field is a name in parentheses that may hold anything, so counting starts behind.
    const fields = text.slice(text.lastIndexOf(")") + 2).split(" ");
    const field = (number: number) => fields[number - 3] ?? "";
    return {
      pid,
      startTime: `${field(22)}.${boot}`,
      parentPid: Number(field(4)),
      groupId: Number(field(5)),
      sessionId: Number(field(6)),
      // A program whose first thread has ended looks like a zombie while its others still run.
      ended: "ZX".includes(field(3)) && Number(field(20)) <= 1,
      // "0" where there is none or reading it is not permitted.
      hasEnvironment: field(50) !== "0",
      where: `${field(22)} ${field(50)} ${field(51)}`,
    };
  };

  /**
   * A process may end during the snapshot after starting another one, so the reading is repeated
   * until no new ones appear: otherwise processes that hand over fast enough would never be found.
   */
  const look = () => {
    const marks: typeof marksByPid = new Map();
    const entries = new Map<number, ProcessEntry>();
    const unsure = new Set<number>();
    for (let rounds = 0; rounds < maxRounds; rounds += 1) {
      const unread = readdirSync("/proc")
        .map(Number)
        .filter((pid) => pid > 0 && !entries.has(pid));
      if (unread.length === 0) break;
      for (const pid of unread) {
        const facts = stat(pid);
        if (!facts) continue;
        const { where, hasEnvironment, ...entry } = facts;
        let own = marksByPid.get(pid);
        if (own?.where !== where) {
          const environment = hasEnvironment ? read(`/proc/${pid}/environ`) : "";
          // The process may be ending or executing another program; the next round shows which.
          const isUnsure = environment === "" && !entry.ended && !unsure.has(pid);
          if (isUnsure) {
            unsure.add(pid);
            continue;
          }
          own = { where, ...marksInEnvironment(environment) };
        }
        marks.set(pid, own);
        const { runId, stateDir, commandId } = own;
        entries.set(pid, { ...entry, runId, stateDir, commandId });
      }
    }
    marksByPid = marks;
    return [...entries.values()];
  };

  return {
    scan: () => Promise.resolve(look()),
    identify: (pid) => {
      try {
        const facts = stat(pid);
        return facts && { pid, startTime: facts.startTime };
      } catch {
        return undefined;
      }
    },
    runs: (record) => {
      try {
        const facts = stat(record.pid);
        return facts !== undefined && !facts.ended && facts.startTime === record.startTime;
      } catch {
        return undefined;
      }
    },
    canExist: (record) => record.startTime.endsWith(`.${boot}`),
  };
}

/** From the bytes of an environment, each taken as one character: NAME=value, ended by NUL. */
function marksInEnvironment(bytes: string): Marks {
  const value = (name: string) => {
    const at = `\0${bytes}`.indexOf(`\0${name}=`);
    if (at < 0) return undefined;
    const start = at + name.length + 1;
    const end = bytes.indexOf("\0", start);
    return Buffer.from(bytes.slice(start, end < 0 ? undefined : end), "latin1").toString();
  };
  const runId = value("OFFSHOOT_RUN");
  const commandId = value("OFFSHOOT_COMMAND");
  return { runId, commandId, stateDir: runId && value("OFFSHOOT_STATE_DIR") };
}

const run = promisify(execFile);
const english = { ...process.env, LC_ALL: "C" };

function psSource(platform: NodeJS.Platform): ProcessSource {
  // Only Apple's ps asks for the environment with a capital letter.
  const all = platform === "darwin" ? "-axEww" : "axeww";
  const columns = "pid=,ppid=,pgid=,stat=,lstart=,command=";
  return {
    async scan() {
      const options = { env: english, maxBuffer: 256 * 1024 * 1024 };
      const { stdout } = await run("ps", [all, "-o", columns], options);
      return stdout.split("\n").flatMap(entryOfPs);
    },
    identify: (pid) => {
      try {
        const options = { env: english, encoding: "utf8", stdio: "pipe" } as const;
        const text = execFileSync("ps", ["-o", "lstart=", "-p", String(pid)], options);
        return { pid, startTime: text.trim().replace(/ +/g, " ") };
      } catch {
        return undefined;
      }
    },
    runs: numberIsTaken,
    canExist: (record) => Date.parse(record.startTime) > Date.now() - (uptime() + 60) * 1000,
  };
}

const psLine = /^ *(\d+) +(\d+) +(\d+) +(\S+) +(\w+ +\w+ +\d+ +[\d:]+ +\d+) (.*)$/;

function entryOfPs(line: string): ProcessEntry[] {
  const [, pid, parentPid, groupId, state, startTime, command] = psLine.exec(line) ?? [];
  if (!pid || !state || !startTime || !command) return [];
  return [
    {
      pid: Number(pid),
      startTime: startTime.replace(/ +/g, " "),
      parentPid: Number(parentPid),
      groupId: Number(groupId),
      sessionId: Number(groupId),
      ended: state.startsWith("Z"),
      runId: / OFFSHOOT_RUN=(\S+)/.exec(command)?.[1],
      stateDir: / OFFSHOOT_STATE_DIR=(.*?)(?= [A-Za-z_]\w*=|$)/.exec(command)?.[1],
      commandId: / OFFSHOOT_COMMAND=(\S+)/.exec(command)?.[1],
    },
  ];
}

function windowsSource(): ProcessSource {
  const script =
    "Get-CimInstance Win32_Process | ForEach-Object { " +
    '"$($_.ProcessId) $($_.ParentProcessId) $(([DateTime]$_.CreationDate).ToFileTimeUtc())" }';
  // Asking for the start time takes half a second here. A child of ours keeps its number for as
  // long as we hold it, so that is identity enough, and no later core takes it for its own.
  const ownChild = `child of ${process.pid}`;
  return {
    async scan() {
      const { stdout } = await run("powershell.exe", ["-NoProfile", "-Command", script]);
      const rows = stdout.split(/\r?\n/).map((line) => line.split(" "));
      const starts = new Map(rows.map(([pid, , start]) => [Number(pid), Number(start)]));
      return rows.flatMap(([pid, parent, start]): ProcessEntry[] => {
        if (!pid || !start) return [];
        // A parent that is younger than its child only has the number of the real one.
        const isParent = (starts.get(Number(parent)) ?? Infinity) <= Number(start);
        return [
          {
            pid: Number(pid),
            startTime: Number(parent) === process.pid ? ownChild : start,
            parentPid: isParent ? Number(parent) : 0,
            groupId: Number(pid),
            sessionId: Number(pid),
            ended: false,
          },
        ];
      });
    },
    identify: (pid) => ({ pid, startTime: ownChild }),
    runs: numberIsTaken,
    canExist: () => true,
  };
}

function numberIsTaken(record: ProcessRecord): boolean {
  try {
    return process.kill(record.pid, 0);
  } catch (error) {
    return means(error, "EPERM");
  }
}

function means(error: unknown, ...codes: string[]): boolean {
  return codes.includes((error as NodeJS.ErrnoException).code ?? "");
}
