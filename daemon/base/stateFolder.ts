/** Where the core of a state folder keeps its files. Nothing here touches the disk. */
import { createHash } from "node:crypto";
import { tmpdir, userInfo } from "node:os";
import { join, resolve } from "node:path";
import envPaths from "env-paths";

export interface StateFolder {
  /** Absolute path of the folder itself. */
  readonly dir: string;
  readonly lockFile: string;
  readonly storeFile: string;
  readonly tokenFile: string;
  readonly logFile: string;
  /** What fronts connect to: a Unix socket, or a named pipe on Windows. */
  readonly socket: string;
  /** Holds a small `offshoot` script, which is put on the PATH of every run. */
  readonly binDir: string;
  /** Files that belong to one run each, removed when it ends. */
  readonly runsDir: string;
}

/** Unix socket paths end at 107 bytes on Linux and at 103 on macOS. */
const longestSocketPath = 100;

/** The state folder that `--state-dir`, `OFFSHOOT_STATE_DIR` or the platform names, in this order. */
export function stateFolder(
  chosen: string | undefined,
  environment: NodeJS.ProcessEnv,
): StateFolder {
  const dir = resolve(chosen ?? environment["OFFSHOOT_STATE_DIR"] ?? platformStateDir());
  return {
    dir,
    lockFile: join(dir, "lock.sqlite"),
    storeFile: join(dir, "store.sqlite"),
    tokenFile: join(dir, "token"),
    logFile: join(dir, "core.log"),
    socket: socketPath(dir),
    binDir: join(dir, "bin"),
    runsDir: join(dir, "runs"),
  };
}

function platformStateDir(): string {
  const paths = envPaths("offshoot", { suffix: "" });
  // env-paths puts Linux's XDG_STATE_HOME under the name "log".
  return process.platform === "linux" ? paths.log : paths.data;
}

function socketPath(dir: string): string {
  const name = createHash("sha256").update(dir).digest("hex").slice(0, 16);
  if (process.platform === "win32") return `\\\\.\\pipe\\offshoot-${name}`;
  const inside = join(dir, "core.sock");
  if (Buffer.byteLength(inside) <= longestSocketPath) return inside;
  return join(tmpdir(), `offshoot-${userInfo().uid}`, `${name}.sock`);
}
