/** The part of `doctor` that looks at the files of a state folder, from outside. */
import { constants, existsSync } from "node:fs";
import { access, open, stat, statfs } from "node:fs/promises";
import { dirname } from "node:path";
import type { DaemonStatus } from "../../protocol/messages.ts";
import type { StateFolder } from "../stateFolder.ts";
import { cleanLine, formatBytes } from "./values.ts";

export interface Check {
  readonly state: "ok" | "warn" | "fail";
  readonly name: string;
  readonly text: string;
  /** What to do, where there is something to do. */
  readonly remedy?: string;
}

/** What is known of the core when its files are looked at. */
export interface CoreFound {
  /** What a running core told about itself. */
  readonly status: DaemonStatus | undefined;
  /** Something answers on the socket, or should, but no connection came about. */
  readonly failed: boolean;
  /** SQLite can be used here. */
  readonly bindingLoads: boolean;
}

/** Below this, in bytes, the disk is nearly full for a store that only grows. */
const littleSpace = 200 * 1000 * 1000;

/** Whether the state folder can be used and has room. */
export async function* folderChecks(folder: StateFolder): AsyncGenerator<Check, void> {
  const name = "state folder";
  const found = await stat(folder.dir).catch(() => undefined);
  if (found === undefined) {
    yield (await canMakeIn(folder.dir))
      ? { state: "ok", name, text: `${folder.dir} is not there yet; the first core makes it` }
      : {
          state: "fail",
          name,
          text: `${folder.dir} is not there and cannot be made`,
          remedy: "make its parent folder writable, or choose another one with --state-dir",
        };
    return;
  }
  yield folderCheck(folder.dir, found);
  const space = await statfs(folder.dir).catch(() => undefined);
  if (space === undefined) return;
  const free = space.bavail * space.bsize;
  const text = `${formatBytes(free)} free`;
  yield free >= littleSpace
    ? { state: "ok", name: "disk", text }
    : {
        state: "warn",
        name: "disk",
        text,
        remedy: "free some space, or run `offshoot prune --older-than 30d`",
      };
}

function folderCheck(
  dir: string,
  found: { mode: number; uid: number; isDirectory(): boolean },
): Check {
  const name = "state folder";
  if (!found.isDirectory()) {
    return {
      state: "fail",
      name,
      text: `${dir} is not a folder`,
      remedy: "move it away, or choose another one with --state-dir",
    };
  }
  if (process.platform !== "win32") {
    if (found.uid !== process.getuid?.()) {
      return {
        state: "fail",
        name,
        text: `${dir} belongs to another user`,
        remedy: "choose another one with --state-dir",
      };
    }
    if ((found.mode & 0o077) !== 0) {
      return {
        state: "warn",
        name,
        text: `${dir} can be entered by others (mode ${modeText(found.mode)})`,
        remedy: `run: chmod 700 ${dir}`,
      };
    }
    if ((found.mode & 0o300) !== 0o300) {
      return {
        state: "fail",
        name,
        text: `${dir} cannot be written (mode ${modeText(found.mode)})`,
        remedy: `run: chmod 700 ${dir}`,
      };
    }
  }
  return { state: "ok", name, text: `${dir}, for you only` };
}

async function canMakeIn(dir: string): Promise<boolean> {
  let parent = dirname(dir);
  while (!existsSync(parent) && parent !== dirname(parent)) parent = dirname(parent);
  return await access(parent, constants.W_OK | constants.X_OK).then(
    () => true,
    () => false,
  );
}

/** Whether a core holds the lock without answering. */
export async function lockCheck(folder: StateFolder, core: CoreFound): Promise<Check> {
  const name = "lock";
  if (core.status !== undefined) {
    return { state: "ok", name, text: `held by process ${core.status.pid}` };
  }
  if (!existsSync(folder.lockFile)) return { state: "ok", name, text: "free" };
  if (!core.bindingLoads) {
    return { state: "warn", name, text: "cannot be looked at without the SQLite binding" };
  }
  try {
    const { acquireLock } = await import("../store/lock.ts");
    const lock = await acquireLock(folder.lockFile);
    if (lock !== "held") {
      await lock.release();
      return { state: "ok", name, text: "free" };
    }
    return {
      state: core.failed ? "warn" : "fail",
      name,
      text: "held by a core that does not answer on its socket",
      remedy: `it may be starting or stopping: look again, then into ${folder.logFile}`,
    };
  } catch (error) {
    return { state: "fail", name, text: firstLine(error) };
  }
}

/** Whether the token that opens the socket is there and private. */
export async function tokenCheck(folder: StateFolder, core: CoreFound): Promise<Check> {
  const name = "token";
  const found = await stat(folder.tokenFile).catch(() => undefined);
  if (found === undefined) {
    if (core.status === undefined)
      return { state: "ok", name, text: "not there yet; the first core makes it" };
    else
      return {
        state: "fail",
        name,
        text: `${folder.tokenFile} is gone`,
        remedy: "run `offshoot stop`; the next core makes a new one",
      };
  } else if (process.platform !== "win32" && (found.mode & 0o077) !== 0) {
    return {
      state: "fail",
      name,
      text: `${folder.tokenFile} can be read by others (mode ${modeText(found.mode)})`,
      remedy: `run: offshoot stop; rm ${folder.tokenFile}   (the next core makes a new one)`,
    };
  } else {
    return { state: "ok", name, text: "for you only" };
  }
}

/** What the store's file is, as far as its head says. */
export async function storeCheck(folder: StateFolder, core: CoreFound): Promise<Check> {
  const { status } = core;
  const name = "store";
  const file = status?.storeFile ?? folder.storeFile;
  const head = await readHead(file).catch((error: unknown) => firstLine(error));
  if (head === undefined)
    return { state: "ok", name, text: "not there yet; the first core makes it" };
  if (typeof head === "string") {
    return { state: "fail", name, text: head, remedy: `make ${file} readable for this user` };
  }
  const text = `${file}, version ${head.version}, ${formatBytes(status?.storeBytes ?? head.bytes)}`;
  if (!head.isDatabase) {
    return {
      state: "fail",
      name,
      text: `${file} is no SQLite database`,
      remedy: "move it away: the next core makes a new store",
    };
  }
  if (core.bindingLoads) {
    const { SCHEMA_VERSION } = await import("../store/databaseFile.ts");
    if (head.version > SCHEMA_VERSION) {
      return {
        state: "fail",
        name,
        text: `${text}; this Offshoot knows versions up to ${SCHEMA_VERSION}`,
        remedy: "update Offshoot, or choose another folder with --state-dir",
      };
    }
  }
  const writable = await access(file, constants.W_OK).then(
    () => true,
    () => false,
  );
  if (!writable)
    return {
      state: "fail",
      name,
      text: `${file} cannot be written`,
      remedy: `run: chmod 600 ${file}`,
    };
  if (existsSync(`${file}.suspect`)) {
    return {
      state: "warn",
      name,
      text: `${text}; it showed damage`,
      remedy: "run `offshoot stop`: the next core checks it as a whole",
    };
  }
  return { state: "ok", name, text: status ? `${text}, ${status.sessions} sessions` : text };
}

/** What the head of a database file says; undefined where there is no file. */
async function readHead(
  file: string,
): Promise<{ isDatabase: boolean; version: number; bytes: number } | undefined> {
  const opened = await open(file, "r").catch((error: NodeJS.ErrnoException) => {
    if (error.code === "ENOENT") return undefined;
    throw error;
  });
  if (opened === undefined) return undefined;
  try {
    const { bytesRead, buffer } = await opened.read(Buffer.alloc(100), 0, 100, 0);
    const { size } = await opened.stat();
    const wal = await stat(`${file}-wal`).catch(() => undefined);
    return {
      // SQLite: an empty file is an empty database; else 16 bytes of name, user_version at 60.
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
  const text = error instanceof Error ? error.message : String(error);
  return cleanLine(text.split("\n")[0] ?? "");
}
