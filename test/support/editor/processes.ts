/** The processes of an editor: how they are ended, and how many are left. Linux only. */
import { readdirSync, readFileSync } from "node:fs";

/** A process is of the editor when it is of one of these sessions or bears the mark. */
export interface Belonging {
  /** Pids of processes that were started as leaders of a session of their own. */
  leaders: readonly number[];
  /** A text that stands in the environment or the command line of everything that was started. */
  mark: string;
}

export interface EditorProcess {
  pid: number;
  command: string;
}

/** What is alive now; zombies do not count, nor does the process that asks. */
export function processesOf({ leaders, mark }: Belonging): EditorProcess[] {
  return readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name) && Number(name) !== process.pid)
    .flatMap((name) => {
      const stat = read(name, "stat");
      // The second field is the program's name in brackets, which may itself contain both.
      const [state, , , session] = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
      if (state === undefined || state === "" || state === "Z" || state === "X") return [];
      const command = read(name, "cmdline").replaceAll("\0", " ").trim();
      const isOurs =
        leaders.includes(Number(session)) ||
        command.includes(mark) ||
        read(name, "environ").includes(mark);
      return isOurs ? [{ pid: Number(name), command }] : [];
    });
}

/** A process, or the whole group of a negative number. One that has ended already is fine. */
export function signal(pid: number, name: NodeJS.Signals): void {
  try {
    process.kill(pid, name);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ESRCH") throw error;
  }
}

function read(pid: string, file: string): string {
  try {
    return readFileSync(`/proc/${pid}/${file}`, "utf8");
  } catch {
    return "";
  }
}
