/** Opens the store: the file, Keyv on its adapter, group commit, and the typed store on top. */
import { writeFile } from "node:fs/promises";
import { isAbsolute } from "node:path";
import { Keyv } from "keyv";
import type { Clock } from "../base/clock.ts";
import type { Log } from "../base/log.ts";
import {
  migrations as allMigrations,
  prepareDatabaseFile,
  suspicionFile,
  type Migration,
} from "./databaseFile.ts";
import { explainFault, isDamage, StoreOpenError } from "./faults.ts";
import { GroupCommit } from "./groupCommit.ts";
import { openSessionStore, type Store } from "./sessionStore.ts";
import { SqliteAdapter } from "./sqliteAdapter.ts";

export interface StoreOptions {
  /** `sqlite://` and an absolute path. */
  uri: string;
  log: Log;
  clock: Clock;
  /** What leads from version 1 of the schema to the newest. */
  migrations?: readonly Migration[];
  /** Time between two tries while the store is not ok. */
  retryMs?: number;
}

/**
 * Opens the store, or makes it. Take the lock of the state folder first. Rejects with a
 * StoreOpenError whose message says what to do. A damaged file is set aside, see Store.setAside.
 */
export async function openStore(options: StoreOptions): Promise<Store> {
  const { log, clock, migrations = allMigrations } = options;
  const file = fileOf(options.uri);
  const setAside = await prepareDatabaseFile({ file, log, now: clock.now, migrations });
  const adapter = new SqliteAdapter(file);
  try {
    await adapter.opened;
  } catch (error) {
    throw new StoreOpenError(await explainFault(error, file), { cause: error });
  }
  const group = new GroupCommit({
    commit: (commit) => adapter.commit(commit),
    ...{ log, clock },
    async explain(error) {
      if (isDamage(error)) await suspect(file, log);
      return explainFault(error, file);
    },
    ...(options.retryMs === undefined ? {} : { retryMs: options.retryMs }),
  });
  return openSessionStore({
    file,
    adapter,
    keyv: keyvOn(adapter, log),
    group,
    log,
    ...(setAside && { setAside }),
  });
}

/** Keyv, reading and writing the same values as `values.ts` does. */
export function keyvOn(adapter: SqliteAdapter, log: Log): Keyv {
  const keyv = new Keyv({
    store: adapter,
    useKeyPrefix: false,
    throwOnErrors: true,
    serialize: JSON.stringify,
    deserialize: JSON.parse,
  });
  // The namespace would be "keyv" otherwise.
  keyv.namespace = undefined;
  keyv.on("error", (error: unknown) => log.error({ err: error }, "The store reports an error."));
  return keyv;
}

/** Has the next start check the whole file. */
async function suspect(file: string, log: Log): Promise<void> {
  try {
    await writeFile(suspicionFile(file), "");
  } catch (error) {
    log.error({ err: error, file }, "The store's file cannot be marked as damaged.");
  }
}

function fileOf(uri: string): string {
  const scheme = "sqlite://";
  if (!uri.startsWith(scheme)) {
    throw new StoreOpenError(`only SQLite is supported for now: use sqlite://PATH (got "${uri}")`);
  }
  const path = uri.slice(scheme.length);
  // sqlite:///C:/folder/store.sqlite
  const file = /^\/[A-Za-z]:/.test(path) ? path.slice(1) : path;
  if (!isAbsolute(file)) {
    throw new StoreOpenError(`the path in the store's URI has to be absolute (got "${uri}")`);
  }
  return file;
}
