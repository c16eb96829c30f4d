/** The part of `doctor` that looks at the files of a state folder, from outside. */
import { constants, existsSync, type Stats } from "node:fs";
import { access, open, stat, statfs } from "node:fs/promises";
import { dirname } from "node:path";
import type { DaemonStatus } from "../../protocol/daemon.ts";
import type { StateFolder } from "../base/stateFolder.ts";
import { cleanLine, formatBytes } from "../client/values.ts";
import { messageOf } from "../base/errors.ts";

export interface Check {
  readonly state: "ok" | "info" | "warn" | "fail";
  readonly name: string;
  readonly text: string;
  /** What to do, where there is something to do. */
  readonly remedy?: string;
}

export const ok = (name: string, text: string): Check => ({ state: "ok", name, text });
/** Nothing is wrong, and there is something that people may want to do. */
export const info = (name: string, text: string, remedy: string): Check => ({
  state: "info",
  name,
  text,
  remedy,
});
export const warn = (name: string, text: string, remedy: string): Check => ({
  state: "warn",
  name,
  text,
  remedy,
});
export const fail = (name: string, text: string, remedy: string): Check => ({
  state: "fail",
  name,
  text,
  remedy,
});

/** What is known of the core when its files are looked at. */
export interface CoreFound {
  /** What a running core told about itself. */
  readonly status: DaemonStatus | undefined;
  /** A core is there, but no connection came about. */
  readonly failed: boolean;
  /** SQLite can be used here. */
  readonly bindingLoads: boolean;
}

/** Below this, in bytes, the disk is nearly full for a store that only grows. */
const littleSpace = 200 * 1000 * 1000;

const chooseAnother = "choose another one with --state-dir";

/** Whether the state folder can be used and has room. */
export async function* folderChecks({ dir }: StateFolder): AsyncGenerator<Check, void> {
  const name = "state folder";
  const found = await stat(dir).catch(() => undefined);
  if (found === undefined) {
    yield (await canMake(dir))
      ? ok(name, `${dir} is not there yet; the first core makes it`)
      : fail(
          name,
          `${dir} is not there and cannot be made`,
          `make its parent folder writable, or ${chooseAnother}`,
        );
    return;
  }
  yield folderCheck(name, dir, found);
  const space = await statfs(dir).catch(() => undefined);
  if (space === undefined) return;
  const free = space.bavail * space.bsize;
  yield free >= littleSpace
    ? ok("disk", `${formatBytes(free)} free`)
    : warn(
        "disk",
        `only ${formatBytes(free)} free`,
        "free some, or `offshoot prune --older-than 30d`",
      );
}

function folderCheck(name: string, dir: string, { mode, uid }: Stats): Check {
  if ((mode & constants.S_IFMT) !== constants.S_IFDIR) {
    return fail(name, `${dir} is not a folder`, `move it away, or ${chooseAnother}`);
  }
  if (process.platform === "win32") return ok(name, dir);
  if (uid !== process.getuid?.())
    return fail(name, `${dir} belongs to another user`, chooseAnother);
  const remedy = `run: chmod 700 ${dir}`;
  if ((mode & 0o300) !== 0o300)
    return fail(name, `${dir} cannot be written (mode ${modeText(mode)})`, remedy);
  if ((mode & 0o077) !== 0)
    return warn(name, `${dir} is open to others (mode ${modeText(mode)})`, remedy);
  return ok(name, `${dir}, for you only`);
}

async function canMake(dir: string): Promise<boolean> {
  let parent = dirname(dir);
  while (!existsSync(parent) && parent !== dirname(parent)) parent = dirname(parent);
  return await may(parent, constants.W_OK | constants.X_OK);
}

async function may(path: string, mode: number): Promise<boolean> {
  return await access(path, mode).then(
    () => true,
    () => false,
  );
}

/** Whether a core holds the lock without answering. */
export async function lockCheck(
  { lockFile, logFile }: StateFolder,
  core: CoreFound,
): Promise<Check> {
  const name = "lock";
  if (core.status !== undefined) return ok(name, `held by process ${core.status.pid}`);
  if (!existsSync(lockFile)) return ok(name, "free");
  if (!core.bindingLoads) {
    return warn(name, "cannot be looked at without the SQLite binding", "mend the binding first");
  }
  const { acquireLock } = await import("../store/lock.ts");
  try {
    const lock = await acquireLock(lockFile);
    if (lock === "held") {
      const text = "held by a core that lets nobody in";
      return fail(name, text, `it may be starting or stopping: look again, then into ${logFile}`);
    }
    await lock.release();
    return ok(name, "free");
  } catch (error) {
    return fail(name, `${lockFile} cannot be used`, firstLine(error));
  }
}

/** Whether the token that opens the socket is there and private. */
export async function tokenCheck(
  { tokenFile, logFile }: StateFolder,
  core: CoreFound,
): Promise<Check> {
  const name = "token";
  const found = await stat(tokenFile).catch(() => undefined);
  if (found === undefined && core.failed) {
    const remedy = `end the core's process, whose number stands in ${logFile}; the next makes one`;
    return fail(name, `${tokenFile} is gone`, remedy);
  }
  if (found === undefined) return ok(name, "not there yet; the first core makes it");
  if (process.platform !== "win32" && (found.mode & 0o077) !== 0) {
    const remedy = `run: offshoot stop; rm ${tokenFile}   (the next core makes a new one)`;
    return fail(name, `${tokenFile} can be read by others (mode ${modeText(found.mode)})`, remedy);
  }
  return (await may(tokenFile, constants.R_OK))
    ? ok(name, "for you only")
    : fail(name, `${tokenFile} cannot be read`, `run: chmod 600 ${tokenFile}`);
}

/** What the store's file is, as far as its head says: to open a database is to change files. */
export async function storeCheck(folder: StateFolder, core: CoreFound): Promise<Check> {
  const name = "store";
  const file = core.status?.storeFile ?? folder.storeFile;
  const head = await readHead(file).catch(() => "unreadable" as const);
  if (head === undefined) return ok(name, "not there yet; the first core makes it");
  if (head === "unreadable") return fail(name, `${file} cannot be read`, `run: chmod 600 ${file}`);
  if (!head.isDatabase) {
    return fail(name, `${file} is no SQLite database`, "move it away; the next core makes a store");
  }
  const size = formatBytes(core.status?.storeBytes ?? head.bytes);
  const text = `${file}, version ${head.version}, ${size}`;
  if (core.bindingLoads) {
    const { SCHEMA_VERSION } = await import("../store/databaseFile.ts");
    if (head.version > SCHEMA_VERSION) {
      const known = `this Offshoot knows versions up to ${SCHEMA_VERSION}`;
      return fail(name, `${text}; ${known}`, `update Offshoot, or ${chooseAnother}`);
    }
  }
  if (!(await may(file, constants.W_OK))) {
    return fail(name, `${file} cannot be written`, `run: chmod 600 ${file}`);
  }
  if (existsSync(`${file}.suspect`)) {
    return warn(name, `${text}; it showed damage`, "run `offshoot stop`: the next core checks it");
  }
  return ok(name, core.status ? `${text}, ${core.status.sessions} sessions` : text);
}

interface Head {
  readonly isDatabase: boolean;
  /** PRAGMA user_version. */
  readonly version: number;
  readonly bytes: number;
}

/** The first bytes of a database file; undefined where there is no file. */
async function readHead(file: string): Promise<Head | undefined> {
  if (!existsSync(file)) return undefined;
  const opened = await open(file, "r");
  try {
    const { bytesRead, buffer } = await opened.read(Buffer.alloc(100), 0, 100, 0);
    const { size } = await opened.stat();
    const wal = await stat(`${file}-wal`).catch(() => undefined);
    return {
      // An empty file is an empty database; any other one begins with these 16 bytes.
      isDatabase: size === 0 || buffer.toString("latin1", 0, 16) === "SQLite format 3\0",
      version: bytesRead < 64 ? 0 : buffer.readUInt32BE(60),
      bytes: size + (wal?.size ?? 0),
    };
  } finally {
    await opened.close();
  }
}

function modeText(mode: number): string {
  return (mode & 0o777).toString(8).padStart(3, "0");
}

/** The first line of an error, clean. */
export function firstLine(error: unknown): string {
  const text = messageOf(error);
  return cleanLine(text.split("\n")[0] ?? "");
}
