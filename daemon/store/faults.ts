/** What is wrong with a database file, in sentences that a person can act on. */
import { statfs } from "node:fs/promises";
import { dirname } from "node:path";
import { messageOf } from "../base/errors.ts";

/** The store or the lock cannot be opened; the message says which file, why, and what to do. */
export class StoreOpenError extends Error {
  override readonly name = "StoreOpenError";
}

/** The primary result code of SQLite, such as SQLITE_FULL; empty for errors of others. */
export function sqliteCode(error: unknown): string {
  const code = error instanceof Error && "code" in error ? String(error.code) : "";
  return code.startsWith("SQLITE_") ? code : "";
}

/** Whether the content of the file is damaged, or the file is no database at all. */
export const isDamage = (error: unknown) =>
  ["SQLITE_CORRUPT", "SQLITE_NOTADB"].includes(sqliteCode(error));

/** Says what an error about `file` means and what to do. */
export async function explainFault(error: unknown, file: string): Promise<string> {
  const said = messageOf(error);
  switch (sqliteCode(error)) {
    case "SQLITE_FULL":
      return (
        `no space left on device for ${file} (${await freeSpace(file)}): free some space, ` +
        "or remove ended sessions with `offshoot prune`"
      );
    case "SQLITE_READONLY":
    case "SQLITE_PERM":
    case "SQLITE_AUTH":
      return (
        `${file} cannot be written: make the file and its folder ${dirname(file)} writable for ` +
        "this user, or choose another state folder with --state-dir"
      );
    case "SQLITE_CANTOPEN":
      return (
        `${file} cannot be opened: the folder ${dirname(file)} has to exist and to be writable ` +
        "for this user, and the file has to be a regular one that this user may read and write"
      );
    case "SQLITE_BUSY":
    case "SQLITE_LOCKED":
      return `${file} is locked by another program: end the program that has it open`;
    case "SQLITE_CORRUPT":
    case "SQLITE_NOTADB":
      return (
        `${file} is damaged (${said}): stop the core with \`offshoot stop\`; ` +
        "it sets a damaged file aside when it starts again"
      );
    case "SQLITE_IOERR":
      return (
        `the disk of ${file} reports an error (${said}, ${await freeSpace(file)}): ` +
        "check the disk and the system's log"
      );
    default:
      return `${file} cannot be used: ${said}`;
  }
}

async function freeSpace(file: string): Promise<string> {
  try {
    const { bavail, bsize } = await statfs(dirname(file));
    return `${Math.floor((bavail * bsize) / 1024 / 1024)} MB free`;
  } catch {
    return "free space unknown";
  }
}
