/** Stores for tests, on real files. */
import { systemClock } from "../../daemon/base/clock.ts";
import type { StoreHealth } from "../../daemon/sessions/records.ts";
import { chmodSync, mkdtempSync, rmSync } from "node:fs";
import { join } from "node:path";
import { prepareDatabaseFile } from "../../daemon/store/databaseFile.ts";
import { explainFault } from "../../daemon/store/faults.ts";
import { GroupCommit } from "../../daemon/store/groupCommit.ts";
import { openStore } from "../../daemon/store/openStore.ts";
import type { Store } from "../../daemon/store/sessionStore.ts";
import { SqliteAdapter, type Commit } from "../../daemon/store/sqliteAdapter.ts";
import { logInto, type LogLine } from "./storeRecords.ts";
import { testFolder } from "./testFolder.ts";

/** Gives `use` the path of a store that is not there yet, and removes its folder afterwards. */
export async function inFolder<Result>(use: (file: string) => Promise<Result>): Promise<Result> {
  const folder = mkdtempSync(join(testFolder, "store-"));
  try {
    return await use(join(folder, "store.sqlite"));
  } finally {
    rmSync(folder, { recursive: true });
  }
}

/** Opens a store in a folder of its own. `reopen` closes it and opens it again. */
export function withStore(
  use: (store: Store, reopen: () => Promise<Store>) => Promise<void>,
  logged: LogLine[] = [],
): Promise<void> {
  return inFolder(async (file) => {
    const open = () =>
      openStore({ uri: `sqlite://${file}`, log: logInto(logged), clock: systemClock });
    let store = await open();
    const reopen = async () => {
      await store.close();
      return (store = await open());
    };
    try {
      await use(store, reopen);
    } finally {
      await store.close();
    }
  });
}

/** Group commit on a real file, with its parts in reach. */
export interface GroupParts {
  file: string;
  adapter: SqliteAdapter;
  group: GroupCommit;
  commits: Commit[];
  healths: StoreHealth[];
  logged: LogLine[];
}

export function withGroup(use: (parts: GroupParts) => Promise<void>): Promise<void> {
  return inFolder(async (file) => {
    const logged: LogLine[] = [];
    const log = logInto(logged);
    await prepareDatabaseFile({ file, log, now: Date.now, migrations: [] });
    const adapter = new SqliteAdapter(file);
    await adapter.opened;
    const commits: Commit[] = [];
    const healths: StoreHealth[] = [];
    const group = new GroupCommit({
      commit(commit) {
        commits.push(commit);
        return adapter.commit(commit);
      },
      log,
      clock: systemClock,
      explain: (error) => explainFault(error, file),
      retryMs: 20,
    });
    group.onHealth((health) => healths.push(health));
    try {
      await use({ file, adapter, group, commits, healths, logged });
    } finally {
      await group.close();
      await adapter.disconnect();
    }
  });
}

/** Root may write everywhere, so it acts as somebody else meanwhile, who may use this folder. */
export async function asOrdinaryUser<Result>(
  folder: string,
  work: () => Promise<Result>,
): Promise<Result> {
  const asRoot = process.geteuid?.() === 0;
  chmodSync(folder, 0o777);
  if (asRoot) process.seteuid?.(65_534);
  try {
    return await work();
  } finally {
    if (asRoot) process.seteuid?.(0);
    chmodSync(folder, 0o700);
  }
}

/** The disk is full from now on: the file cannot become any larger. */
export async function fillDisk({ adapter }: GroupParts): Promise<void> {
  const [row] = (await adapter.query("PRAGMA page_count")) as { page_count: number }[];
  await adapter.query(`PRAGMA max_page_count=${row?.page_count}`);
}

export async function freeDisk({ adapter }: GroupParts): Promise<void> {
  await adapter.query("PRAGMA max_page_count=1000000");
}
