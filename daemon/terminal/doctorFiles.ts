/** The part of `doctor` that checks the files of a state folder. */
import { constants, existsSync, type Stats } from "node:fs";
import { access, open, stat, statfs } from "node:fs/promises";
import { dirname } from "node:path";
import type { DaemonStatus } from "../../protocol/daemon.ts";
import { messageOf } from "../base/errors.ts";
import type { StateFolder } from "../base/stateFolder.ts";
import { cleanLine, formatBytes } from "../client/values.ts";

export interface Check {
  readonly state: "ok" | "info" | "warn" | "fail";
  readonly name: string;
  readonly text: string;
  /** What to do, if anything. */
  readonly remedy?: string;
}

const withRemedy =
  (state: Check["state"]) =>
  (name: string, text: string, remedy: string): Check => ({ state, name, text, remedy });

export const ok = (name: string, text: string): Check => ({ state: "ok", name, text });
/** Nothing is wrong, but there is something that a person may want to do. */
export const info = withRemedy("info");
export const warn = withRemedy("warn");
export const fail = withRemedy("fail");

/** What is known of the core when its files are checked. */
export interface CoreFound {
  /** The answer of a running core. */
  readonly status?: DaemonStatus;
  /** A core answers, but no connection could be opened. */
  readonly failed: boolean;
  /** SQLite can be used here. */
  readonly bindingLoads: boolean;
}

/** With fewer free bytes than this, the disk counts as nearly full. */
const littleSpace = 200 * 1000 * 1000;

const chooseAnother = "choose another one with --state-dir";

/** Whether the state folder can be used and has room. */
export async function* folderChecks({ dir }: StateFolder): AsyncGenerator<Check, void> {
  const name = "state folder";
  const found = await stat(dir).catch(() => undefined);
  if (found === undefined) {
    yield (await canMake(dir))
      ? ok(name, `${dir} does not exist yet; the first core makes it`)
      : fail(
          name,
          `${dir} does not exist and cannot be made`,
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
        "free some space, for example with `offshoot prune --older-than 30d`",
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

/** Whether a core holds the lock but does not answer. */
export async function lockCheck(
  { lockFile, logFile }: StateFolder,
  core: CoreFound,
): Promise<Check> {
  const name = "lock";
  if (core.status !== undefined) return ok(name, `held by process ${core.status.pid}`);
  if (!existsSync(lockFile)) return ok(name, "free");
  if (!core.bindingLoads) {
    return warn(name, "cannot be checked without the SQLite binding", "repair the binding first");
  }
  const { acquireLock } = await import("../store/lock.ts");
  try {
    const lock = await acquireLock(lockFile);
    if (lock === "held") {
      const text = "held by a core that does not answer";
      return fail(
        name,
        text,
        `the core may be starting or stopping: try again, then read ${logFile}`,
      );
    }
    await lock.release();
    return ok(name, "free");
  } catch (error) {
    return fail(name, `${lockFile} cannot be used`, firstLine(error));
  }
}

/** Whether the token for the socket exists and is private. */
export async function tokenCheck(
  { tokenFile, logFile }: StateFolder,
  core: CoreFound,
): Promise<Check> {
  const name = "token";
  const found = await stat(tokenFile).catch(() => undefined);
  if (found === undefined && core.failed) {
    const remedy = `end the core's process, whose id is in ${logFile}; the next core makes a token`;
    return fail(name, `${tokenFile} is missing`, remedy);
  }
  if (found === undefined) return ok(name, "does not exist yet; the first core makes it");
  if (process.platform !== "win32" && (found.mode & 0o077) !== 0) {
    const remedy = `run: offshoot stop; rm ${tokenFile}   (the next core makes a new one)`;
    return fail(name, `${tokenFile} can be read by others (mode ${modeText(found.mode)})`, remedy);
  }
  return (await may(tokenFile, constants.R_OK))
    ? ok(name, "for you only")
    : fail(name, `${tokenFile} cannot be read`, `run: chmod 600 ${tokenFile}`);
}

/** Reads only the first bytes of the store's file, because opening a database changes files. */
export async function storeCheck(folder: StateFolder, core: CoreFound): Promise<Check> {
  const name = "store";
  const file = core.status?.storeFile ?? folder.storeFile;
  const head = await readHead(file).catch(() => "unreadable" as const);
  if (head === undefined) return ok(name, "does not exist yet; the first core makes it");
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
    return warn(
      name,
      `${text}; damage was found`,
      "run `offshoot stop`: the next core checks the store",
    );
  }
  return ok(name, core.status ? `${text}, ${core.status.sessions} sessions` : text);
}

/** The facts in the first bytes of a database file; undefined if there is no file. */
async function readHead(file: string) {
  if (!existsSync(file)) return undefined;
  const opened = await open(file, "r");
  try {
    const { bytesRead, buffer } = await opened.read(Buffer.alloc(100), 0, 100, 0);
    const { size } = await opened.stat();
    const wal = await stat(`${file}-wal`).catch(() => undefined);
    return {
      // An empty file is an empty database; every other database begins with these 16 bytes.
      isDatabase: size === 0 || buffer.toString("latin1", 0, 16) === "SQLite format 3\0",
      // PRAGMA user_version.
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

/** The first line of an error's message, safe for a terminal. */
export function firstLine(error: unknown): string {
  return cleanLine(messageOf(error).split("\n")[0] ?? "");
}
