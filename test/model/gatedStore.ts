/**
 * The real store on a real file. Every statement passes a gate in the order of the calls: a test
 * holds the statements there, refuses those that write, or closes the gate as a kill does.
 */
import type { Clock } from "../../daemon/base/clock.ts";
import type { Log } from "../../daemon/base/log.ts";
import { prepareDatabaseFile } from "../../daemon/store/databaseFile.ts";
import { explainFault } from "../../daemon/store/faults.ts";
import { GroupCommit } from "../../daemon/store/groupCommit.ts";
import { keyvOn } from "../../daemon/store/openStore.ts";
import { openSessionStore, type Store } from "../../daemon/store/sessionStore.ts";
import { SqliteAdapter } from "../../daemon/store/sqliteAdapter.ts";

const changes = /^(BEGIN|INSERT|DELETE|COMMIT)/;
/** Waiting for the disk costs most of the time of a test, and shows after a power cut only. */
const withoutSync = (sql: string) =>
  sql.replace(/^PRAGMA synchronous=.*/, "PRAGMA synchronous=OFF");

export class Gate {
  /** Whether statements wait until they are let through. */
  isHeld = false;
  /** Whether statements that write are refused, as on a full disk. */
  isBroken = false;
  #isShut = false;
  #isRunning = false;
  #running = Promise.resolve();
  readonly #waiting: (() => Promise<void>)[] = [];

  /** Whether statements run, or are about to. */
  get isBusy(): boolean {
    return this.#isRunning || (this.#waiting.length > 0 && !this.isHeld && !this.#isShut);
  }

  get isEmpty(): boolean {
    return this.#waiting.length === 0 && !this.#isRunning;
  }

  pass<Result>(sql: string, run: () => Promise<Result>): Promise<Result> {
    return new Promise<Result>((resolve, reject) => {
      this.#waiting.push(async () => {
        try {
          if (this.isBroken && changes.test(sql)) throw diskFull();
          resolve(await run());
        } catch (error) {
          reject(error);
        }
      });
      void this.#work();
    });
  }

  /** Lets the first of those through that are held. */
  async letThrough(count: number): Promise<void> {
    for (let n = 0; n < count && !this.#isRunning; n += 1) await this.#runNext();
  }

  release(): void {
    this.isHeld = false;
    void this.#work();
  }

  /** Whatever waits never runs; resolves when nothing runs any more. */
  async shut(): Promise<void> {
    this.#isShut = true;
    await this.#running;
  }

  /** Resolves when nothing runs; more may begin at once. */
  async pause(): Promise<void> {
    await this.#running;
  }

  async #work(): Promise<void> {
    if (this.#isRunning) return;
    while (!this.isHeld && !this.#isShut && this.#waiting.length > 0) await this.#runNext();
  }

  async #runNext(): Promise<void> {
    const next = this.#waiting.shift();
    if (next === undefined) return;
    this.#isRunning = true;
    await (this.#running = next());
    this.#isRunning = false;
  }
}

class GatedAdapter extends SqliteAdapter {
  readonly closeAtOnce: () => Promise<unknown>;

  constructor(file: string, gate: Gate) {
    super(file);
    const { query, close } = this;
    this.closeAtOnce = close;
    this.close = () => gate.pass("", close);
    this.query = (sql, ...parameters) =>
      gate.pass(sql, () => query(withoutSync(sql), ...parameters));
  }
}

export interface GatedStore {
  store: Store;
  adapter: SqliteAdapter;
  gate: Gate;
  /** Ends it as the death of its process does. */
  kill(): Promise<void>;
}

/** As `openStore` does. */
export async function openGatedStore(file: string, log: Log, clock: Clock): Promise<GatedStore> {
  await prepareDatabaseFile({ file, log, now: clock.now, migrations: [] });
  const gate = new Gate();
  const adapter = new GatedAdapter(file, gate);
  await adapter.opened;
  const group = new GroupCommit({
    commit: (commit) => adapter.commit(commit),
    ...{ log, clock },
    explain: (error) => explainFault(error, file),
  });
  const store = await openSessionStore({ file, adapter, keyv: keyvOn(adapter, log), group, log });
  return {
    ...{ store, adapter, gate },
    async kill() {
      await gate.shut();
      await adapter.closeAtOnce();
    },
  };
}

function diskFull(): Error {
  return Object.assign(new Error("SQLITE_FULL: database or disk is full"), { code: "SQLITE_FULL" });
}
