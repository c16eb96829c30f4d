/** A bare connection to a database file, for the work before Keyv opens it, and for the lock. */
import { mkdir, open } from "node:fs/promises";
import { dirname } from "node:path";
import { promisify } from "node:util";
import sqlite3 from "sqlite3";
import { messageOf } from "../base/errors.ts";
import { StoreOpenError } from "./faults.ts";

export interface Connection {
  query(sql: string): Promise<Record<string, unknown>[]>;
  close(): Promise<void>;
}

/** Opens or makes the file. Rejects with the error of SQLite. */
export async function connect(file: string, busyTimeoutMs: number): Promise<Connection> {
  const database = await new Promise<sqlite3.Database>((resolve, reject) => {
    const opening: sqlite3.Database = new sqlite3.Database(file, (error) =>
      error ? reject(error) : resolve(opening),
    );
  });
  database.configure("busyTimeout", busyTimeoutMs);
  return {
    query: (sql) =>
      new Promise((resolve, reject) => {
        database.all<Record<string, unknown>>(sql, (error, rows) =>
          error ? reject(error) : resolve(rows),
        );
      }),
    close: promisify(database.close.bind(database)),
  };
}

/**
 * Makes the folder (0700) and the file (0600) where they are missing. An existing file is not
 * opened: when any descriptor of it closes, this process loses its locks on it.
 */
export async function makeFile(file: string): Promise<void> {
  try {
    await mkdir(dirname(file), { recursive: true, mode: 0o700 });
    await (await open(file, "wx", 0o600)).close();
  } catch (error) {
    if (isFileThere(error)) return;
    throw new StoreOpenError(
      `${file} cannot be made (${messageOf(error)}): make the folder ${dirname(file)} writable for this user, ` +
        "or choose another state folder with --state-dir",
      { cause: error },
    );
  }
}

function isFileThere(error: unknown): boolean {
  const { code, syscall } = error as NodeJS.ErrnoException;
  return code === "EEXIST" && syscall === "open";
}
