/** The processes of one daemon under test, whatever else runs on the machine. Linux only. */
import { readdirSync, readFileSync } from "node:fs";

export interface DaemonProcesses {
  /** Cores, also one that is only starting or ending what its dead predecessor left behind. */
  cores(): number[];
  /** Whatever carries the mark of a run or of an agent host. */
  marked(): MarkedProcess[];
}

export interface MarkedProcess {
  pid: number;
  command: string;
  /** Its OFFSHOOT_RUN. */
  run: string;
}

/** The marks of agent hosts, which are of no run. */
export const isHostMark = (run: string): boolean => run.startsWith("host-");

const mark = "OFFSHOOT_RUN=";

/** `stateDir` as it stands in the environment of all of them. */
export function processesOf(stateDir: string): DaemonProcesses {
  const all = () =>
    readdirSync("/proc")
      .filter((name) => /^\d+$/.test(name))
      .map((pid) => ({ pid, environment: read(pid, "environ").split("\0") }))
      .filter(({ environment }) => environment.includes(`OFFSHOOT_STATE_DIR=${stateDir}`))
      .map(({ pid, environment }) => ({
        pid: Number(pid),
        command: read(pid, "cmdline").replaceAll("\0", " ").trim(),
        run: environment.find((entry) => entry.startsWith(mark))?.slice(mark.length),
      }));
  return {
    cores: () =>
      all()
        .filter(({ command }) => /^offshoot core|main\.ts core /.test(command))
        .map(({ pid }) => pid),
    marked: () =>
      all().flatMap(({ pid, command, run }) =>
        run === undefined || command === "" ? [] : [{ pid, command, run }],
      ),
  };
}

/** Empty when it has ended meanwhile; a process that is only waited for has no command any more. */
function read(pid: string, file: string): string {
  try {
    return readFileSync(`/proc/${pid}/${file}`, "utf8");
  } catch {
    return "";
  }
}

/** kill -9; false when it has ended by itself meanwhile. */
export function killNow(pid: number): boolean {
  try {
    return process.kill(pid, "SIGKILL");
  } catch {
    return false;
  }
}
