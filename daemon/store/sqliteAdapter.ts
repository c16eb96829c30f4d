/**
 * Keyv's SQLite adapter with what a store under load needs: one write at a time, transactions,
 * and range reads. Reads share the connection with the writes and may see rows of a transaction
 * that is still open: decide from memory, or on the write chain.
 */
import { KeyvSqlite } from "@keyv/sqlite";
import type { KeyRange } from "./keys.ts";

export interface Row {
  key: string;
  value: string;
}

/** What one transaction changes. A key is in it once. Values are texts from `encodeValue`. */
export interface Commit {
  puts: [key: string, value: string][];
  deletes: string[];
  /** `normal` spares the fsync: a kill takes nothing, a power cut may take the newest ones. */
  sync: Synchronous;
}

export type Synchronous = "full" | "normal";

const table = "keyv";

/** More rows in one INSERT make it slower to parse than they save. */
const rowsPerInsert = 400;

const pragmas = [
  "PRAGMA journal_mode=WAL",
  "PRAGMA synchronous=FULL",
  // 8 MB. With 64 MB nothing is faster, and the process is 90 MB larger.
  "PRAGMA cache_size=-8192",
  "PRAGMA temp_store=MEMORY",
  // 16 MB: with the default of 4 MB, a third of the time under load goes into checkpoints.
  "PRAGMA wal_autocheckpoint=4000",
];

/** How long a commit waits for a lock of another program. */
export const busyTimeoutMs = 1000;

export class SqliteAdapter extends KeyvSqlite {
  /** Resolves when the file is open and set up, rejects when it cannot be opened. */
  readonly opened: Promise<void>;
  #lastWrite: Promise<unknown> = Promise.resolve();
  #synchronous: Synchronous = "full";
  #disconnected: Promise<void> | undefined;

  constructor(file: string) {
    super({ uri: `sqlite://${file}`, table, busyTimeout: busyTimeoutMs });
    // `opened` rejects with the error; without these two listeners it would end the process too.
    this.on("error", () => undefined);
    this.opened = this.#setUp();
    this.opened.catch(() => undefined);
  }

  async #setUp(): Promise<void> {
    for (const pragma of pragmas) await this.query(pragma);
  }

  /** Runs work that changes the file after all such work before it, and before all after it. */
  exclusively<Result>(work: () => Promise<Result>): Promise<Result> {
    const result = this.#lastWrite.then(work);
    this.#lastWrite = result.catch(() => undefined);
    return result;
  }

  /** Makes all changes in one transaction, or rejects and makes none. */
  commit(commit: Commit): Promise<void> {
    return this.exclusively(() => this.#commit(commit));
  }

  async #commit({ puts, deletes, sync }: Commit): Promise<void> {
    const statements: [sql: string, parameters: string[]][] = [];
    if (deletes.length > 0) {
      statements.push([
        `DELETE FROM ${table} WHERE key IN (SELECT value FROM json_each(?))`,
        [JSON.stringify(deletes)],
      ]);
    }
    for (let at = 0; at < puts.length; at += rowsPerInsert) {
      const rows = puts.slice(at, at + rowsPerInsert);
      statements.push([insertOf(rows.length), rows.flat()]);
    }
    await this.#setSynchronous(sync);
    // A statement on its own is a transaction, and saves two ways to the thread pool and back.
    if (statements.length > 1) return this.#transaction(statements);
    for (const [sql, parameters] of statements) await this.query(sql, parameters);
  }

  async #transaction(statements: [sql: string, parameters: string[]][]): Promise<void> {
    await this.query("BEGIN IMMEDIATE");
    try {
      for (const [sql, parameters] of statements) await this.query(sql, parameters);
      await this.query("COMMIT");
    } catch (error) {
      // After some errors SQLite has already rolled back, and this one fails.
      await this.query("ROLLBACK").catch(() => undefined);
      throw error;
    }
  }

  async #setSynchronous(sync: Synchronous): Promise<void> {
    if (sync === this.#synchronous) return;
    await this.query(`PRAGMA synchronous=${sync}`);
    this.#synchronous = sync;
  }

  /** Up to `limit` rows of a range in the order of their keys, or the last ones, backwards. */
  async range(
    { from, to }: KeyRange,
    limit: number,
    options: { reverse?: boolean } = {},
  ): Promise<Row[]> {
    return (await this.query(rangeOf("key, value", options), [from, to, limit])) as Row[];
  }

  /** As `range`, without reading the values. */
  async rangeKeys(
    { from, to }: KeyRange,
    limit: number,
    options: { reverse?: boolean } = {},
  ): Promise<string[]> {
    const rows = (await this.query(rangeOf("key", options), [from, to, limit])) as Row[];
    return rows.map((row) => row.key);
  }

  /**
   * Removes up to `limit` rows of a range in one transaction, and answers with their number. There
   * is no fsync, so the caller must be able to remove them again.
   */
  deleteRange({ from, to }: KeyRange, limit: number): Promise<number> {
    return this.exclusively(async () => {
      await this.#setSynchronous("normal");
      const sql =
        `DELETE FROM ${table} WHERE key IN ` +
        `(SELECT key FROM ${table} WHERE key >= ? AND key < ? ORDER BY key LIMIT ?) RETURNING 1`;
      return ((await this.query(sql, [from, to, limit])) as unknown[]).length;
    });
  }

  override set(key: string, value: string): Promise<void> {
    return this.commit({ puts: [[key, value]], deletes: [], sync: "full" });
  }

  setMany(entries: { key: string; value: string }[]): Promise<void> {
    const puts = entries.map(({ key, value }): [string, string] => [key, value]);
    return this.commit({ puts, deletes: [], sync: "full" });
  }

  override delete(key: string): Promise<boolean> {
    return this.exclusively(async () => {
      await this.#setSynchronous("full");
      return super.delete(key);
    });
  }

  override deleteMany(keys: string[]): Promise<boolean> {
    return this.exclusively(async () => {
      await this.#setSynchronous("full");
      return super.deleteMany(keys);
    });
  }

  override clear(): Promise<void> {
    return this.exclusively(async () => {
      await this.#setSynchronous("full");
      return super.clear();
    });
  }

  /** Closes the file after the last write. Calling it again does nothing. */
  override disconnect(): Promise<void> {
    return (this.#disconnected ??= this.exclusively(() => this.close()));
  }
}

function insertOf(rows: number): string {
  const places = Array.from({ length: rows }, () => "(?,?)").join(",");
  return (
    `INSERT INTO ${table} (key, value) VALUES ${places} ` +
    "ON CONFLICT(key) DO UPDATE SET value=excluded.value"
  );
}

function rangeOf(columns: string, { reverse = false }: { reverse?: boolean }): string {
  const order = reverse ? "DESC" : "ASC";
  return `SELECT ${columns} FROM ${table} WHERE key >= ? AND key < ? ORDER BY key ${order} LIMIT ?`;
}
