/**
 * Brings a database file into the state that the store expects, before Keyv opens it: made, of
 * this version of the schema, writable and whole.
 */
import { chmod, rename, rm, stat } from "node:fs/promises";
import type { Log } from "../base/log.ts";
import { connect, makeFile, type Connection } from "./connection.ts";
import { explainFault, isDamage, StoreOpenError } from "./faults.ts";
import { busyTimeoutMs } from "./sqliteAdapter.ts";

/** Statements that bring a store from one version of the schema to the next. */
export type Migration = readonly string[];

/** The first one leads from version 1 to 2. */
export const migrations: readonly Migration[] = [];

/** `PRAGMA user_version` of a store without migrations behind it. */
const firstVersion = 1;

export const SCHEMA_VERSION = firstVersion + migrations.length;

/** Up to this size, in bytes, a store is checked as a whole at every start. */
const maxChecked = 64 * 1024 * 1024;
/** The same where the last core did not close the store. */
const maxCheckedAfterCrash = 1024 * 1024 * 1024;

export interface DatabaseFileOptions {
  file: string;
  log: Log;
  now: () => number;
  migrations: readonly Migration[];
}

/**
 * Answers with the path that a damaged file was moved to, if it was damaged. Rejects with a
 * StoreOpenError when the file cannot be used.
 */
export async function prepareDatabaseFile(
  options: DatabaseFileOptions,
): Promise<string | undefined> {
  const { file, log, now } = options;
  try {
    await prepare(options);
    return undefined;
  } catch (error) {
    if (error instanceof StoreOpenError) throw error;
    if (!isDamage(error))
      throw new StoreOpenError(await explainFault(error, file), { cause: error });
    const aside = `${file}.corrupt.${now()}`;
    log.error(
      { err: error, file, aside },
      "The store is damaged; it is set aside, a new one made.",
    );
    await setAside(file, aside);
    await prepare(options);
    return aside;
  }
}

async function prepare(options: DatabaseFileOptions): Promise<void> {
  const { file } = options;
  await makeFile(file);
  const leftOpen = await exists(`${file}-wal`);
  const connection = await connect(file, busyTimeoutMs);
  try {
    const found = await numberOf(connection, "user_version");
    const wanted = firstVersion + options.migrations.length;
    if (found > wanted) {
      throw new StoreOpenError(
        `${file} has version ${found}, and this offshoot knows versions up to ${wanted}: update ` +
          "offshoot, or choose another state folder with --state-dir",
      );
    }
    await checkForDamage(connection, file, leftOpen ? maxCheckedAfterCrash : maxChecked);
    if (found === 0) await create(connection, file);
    else if (found < wanted) await backUp(connection, found, options);
    await migrate(connection, Math.max(found, firstVersion), options.migrations);
    // Fails where the file cannot be written; BEGIN IMMEDIATE alone does not.
    await transaction(connection, [`PRAGMA user_version=${wanted}`]);
  } finally {
    await connection.close();
  }
}

async function create(connection: Connection, file: string): Promise<void> {
  const [found] = await connection.query("SELECT name FROM sqlite_schema LIMIT 1");
  if (found !== undefined) {
    throw new StoreOpenError(
      `${file} is a database of another program: choose another path for the store`,
    );
  }
  // Removed sessions give their space back. The pragma only works before the first table.
  await connection.query("PRAGMA auto_vacuum=INCREMENTAL");
  // The table that Keyv's adapter would make; here it is made together with its version.
  await transaction(connection, [
    "CREATE TABLE keyv(key VARCHAR(255) PRIMARY KEY, value TEXT )",
    `PRAGMA user_version=${firstVersion}`,
  ]);
}

async function backUp(
  connection: Connection,
  version: number,
  { file, log, now }: DatabaseFileOptions,
): Promise<void> {
  const backup = `${file}.v${version}.${now()}.backup`;
  await connection.query(`VACUUM INTO ${quoted(backup)}`);
  await chmod(backup, 0o600);
  log.info({ file, backup, version }, "The store is brought to a newer version, with a backup.");
}

async function migrate(
  connection: Connection,
  from: number,
  steps: readonly Migration[],
): Promise<void> {
  for (const [index, step] of steps.entries()) {
    const to = firstVersion + index + 1;
    if (to > from) await transaction(connection, [...step, `PRAGMA user_version=${to}`]);
  }
}

async function transaction(connection: Connection, statements: readonly string[]): Promise<void> {
  await connection.query("BEGIN IMMEDIATE");
  try {
    for (const statement of statements) await connection.query(statement);
    await connection.query("COMMIT");
  } catch (error) {
    await connection.query("ROLLBACK").catch(() => undefined);
    throw error;
  }
}

/** Rejects with SQLITE_CORRUPT. Takes about 0.6 ms per MB, and several times that from a cold disk. */
async function checkForDamage(
  connection: Connection,
  file: string,
  maxBytes: number,
): Promise<void> {
  const bytes =
    (await numberOf(connection, "page_count")) * (await numberOf(connection, "page_size"));
  const suspected = await exists(suspicionFile(file));
  if (bytes <= maxBytes || suspected) {
    const [first] = await connection.query("PRAGMA quick_check(1)");
    const answer = first?.["quick_check"];
    if (answer !== "ok") {
      throw Object.assign(new Error(String(answer)), { code: "SQLITE_CORRUPT" });
    }
  }
  await rm(suspicionFile(file), { force: true });
}

/** Marks a store that showed damage while it was open: the next start checks it as a whole. */
export const suspicionFile = (file: string) => `${file}.suspect`;

async function setAside(file: string, aside: string): Promise<void> {
  await rename(file, aside);
  await rm(suspicionFile(file), { force: true });
  for (const suffix of ["-wal", "-shm"]) {
    if (await exists(file + suffix)) await rename(file + suffix, aside + suffix);
  }
}

/** The text as a literal of SQL. */
const quoted = (text: string) => `'${text.replaceAll("'", "''")}'`;

async function numberOf(connection: Connection, pragma: string): Promise<number> {
  const [row] = await connection.query(`PRAGMA ${pragma}`);
  return Number(row?.[pragma]);
}

async function exists(path: string): Promise<boolean> {
  try {
    await stat(path);
    return true;
  } catch {
    return false;
  }
}
