/**
 * Group commit: whatever is written while one commit runs goes into the next one, so that a
 * thousand sessions share an fsync. A mutation is never split, and the order never changes.
 */
import type { StoreHealth, WriteOptions } from "../sessions/records.ts";
import { sleep, type Clock } from "../base/clock.ts";
import type { Log } from "../base/log.ts";
import { sqliteCode } from "./faults.ts";
import { metadataKey } from "./keys.ts";
import type { Durability } from "../sessions/records.ts";
import type { Commit } from "./sqliteAdapter.ts";
import { encodeValue } from "./values.ts";

/** One change of the store: all of it is on disk or nothing. The last put or delete of a key wins. */
export interface Mutation {
  puts: [key: string, value: unknown][];
  deletes?: string[];
  durability: Durability;
}

export interface GroupCommitParts {
  /** Makes all changes in one transaction, or rejects and makes none. */
  commit: (commit: Commit) => Promise<void>;
  log: Log;
  clock: Clock;
  /** Says for people what an error of the file or the disk means and what to do. */
  explain: (error: unknown) => Promise<string>;
  /** Time between two tries while the store is not ok. */
  retryMs?: number;
}

interface Entry {
  /** Encoded values; undefined removes the key. */
  rows: [key: string, value: string | undefined][];
  bytes: number;
  durability: Durability;
  options: WriteOptions;
  answered: boolean;
  answer: PromiseWithResolvers<boolean>;
}

const maxMutations = 2000;
const maxRows = 16_000;
const maxBytes = 4 * 1024 * 1024;

const probeKey = metadataKey("probe");
/** Large enough to need new pages. */
const probeValue = encodeValue("x".repeat(64 * 1024));

/** Errors of SQLite that come from what is written, not from where it is written to. */
const ownFaults = ["SQLITE_TOOBIG", "SQLITE_CONSTRAINT", "SQLITE_MISMATCH", "SQLITE_RANGE"];

export class GroupCommit {
  readonly #parts: GroupCommitParts;
  /** Members of the running commit stay in front until it is over. */
  readonly #queue: Entry[] = [];
  readonly #closing = new AbortController();
  #pendingBytes = 0;
  #health: StoreHealth = { ok: true };
  #onHealth: (now: StoreHealth) => void = () => undefined;
  #working: Promise<void> | undefined;

  constructor(parts: GroupCommitParts) {
    this.#parts = parts;
  }

  /** Bytes that wait to be committed, kept ones included. Nothing else bounds them. */
  get pendingBytes(): number {
    return this.#pendingBytes;
  }

  get health(): StoreHealth {
    return this.#health;
  }

  /** Calls `listener` with every change of the health. */
  onHealth(listener: (health: StoreHealth) => void): void {
    this.#onHealth = listener;
  }

  /**
   * Takes a mutation; later changes of its objects do not matter. The promise resolves right after
   * `decided` was called, with the same answer. Throws when a value has no JSON form.
   *
   * When a commit fails, its members are tried one by one. A member that fails because of itself is
   * given up: answered as not stored, and logged. A member that fails because of the file or the
   * disk makes the store not ok: that one and all that is written from then on are answered as not
   * stored, and what is to be kept is tried again in its order until it is stored; then
   * `storedLater` is called.
   */
  write(mutation: Mutation, options: WriteOptions = {}): Promise<boolean> {
    const entry = entryOf(mutation, options);
    const refused = !this.#health.ok || this.#closing.signal.aborted;
    if (refused) queueMicrotask(() => this.#answer(entry, false));
    if (!refused || (isKept(entry) && !this.#closing.signal.aborted)) {
      this.#queue.push(entry);
      this.#pendingBytes += entry.bytes;
      this.#working ??= this.#work();
    }
    return entry.answer.promise;
  }

  /** Resolves when everything written before is answered. */
  async flush(): Promise<void> {
    await this.#queue.at(-1)?.answer.promise;
  }

  /** Commits what waits. What was kept is tried once more, then given up and logged. */
  async close(): Promise<void> {
    this.#closing.abort();
    await this.#working;
    const lost = this.#queue.splice(0).length;
    if (lost > 0) this.#parts.log.error({ mutations: lost }, "Writes were lost at the end.");
  }

  async #work(): Promise<void> {
    while (this.#queue.length > 0 || !this.#health.ok) {
      // Callers that were just answered can add their next write to this commit.
      await nextTurn();
      const failure = await (this.#queue.length > 0
        ? this.#storeGroup(nextGroup(this.#queue))
        : this.#probe());
      if (failure === undefined) this.#recover();
      else {
        await this.#degrade(failure);
        if (this.#closing.signal.aborted) break;
        const { clock, retryMs = 1000 } = this.#parts;
        await sleep(clock, retryMs, this.#closing.signal);
      }
    }
    this.#working = undefined;
  }

  /** Answers with the error that the file or the disk gave, if it gave one. */
  async #storeGroup(group: Entry[]): Promise<unknown> {
    try {
      await this.#parts.commit(commitOf(group));
      this.#remove(group);
      for (const entry of group) this.#stored(entry);
      return undefined;
    } catch {
      // One member may have failed the commit for all.
      return this.#storeOneByOne(group);
    }
  }

  async #storeOneByOne(group: Entry[]): Promise<unknown> {
    for (const entry of group) {
      try {
        await this.#parts.commit(commitOf([entry]));
        this.#remove([entry]);
        this.#stored(entry);
      } catch (error) {
        if (!isOwnFault(error)) return error;
        const keys = entry.rows.slice(0, 10).map(([key]) => key);
        this.#parts.log.error({ err: error, keys }, "A write was given up: the store refuses it.");
        this.#remove([entry]);
        this.#answer(entry, false);
      }
    }
    return undefined;
  }

  /** Tests whether the store takes writes again while no write waits. */
  async #probe(): Promise<unknown> {
    try {
      await this.#parts.commit({ puts: [[probeKey, probeValue]], deletes: [], sync: "full" });
      await this.#parts.commit({ puts: [], deletes: [probeKey], sync: "full" });
      return undefined;
    } catch (error) {
      return error;
    }
  }

  #stored(entry: Entry): void {
    if (entry.answered) this.#call(entry.options.storedLater);
    else this.#answer(entry, true);
  }

  /** Entries are removed in their order, so these are the first ones. */
  #remove(group: Entry[]): void {
    this.#queue.splice(0, group.length);
    for (const entry of group) this.#pendingBytes -= entry.bytes;
  }

  #answer(entry: Entry, isStored: boolean): void {
    if (entry.answered) return;
    entry.answered = true;
    this.#call(() => entry.options.decided?.(isStored));
    entry.answer.resolve(isStored);
  }

  /** A callback that throws must not affect other callers. */
  #call(callback: (() => void) | undefined): void {
    try {
      callback?.();
    } catch (error) {
      this.#parts.log.error({ err: error }, "A callback of the store has thrown.");
    }
  }

  async #degrade(error: unknown): Promise<void> {
    const cause = await this.#parts.explain(error);
    const wasOk = this.#health.ok;
    this.#health = { ok: false, cause };
    if (wasOk) {
      this.#parts.log.error({ err: error }, cause);
      this.#call(() => this.#onHealth(this.#health));
    }
    for (const entry of this.#queue) this.#answer(entry, false);
    const kept = this.#queue.filter(isKept);
    this.#queue.splice(0, this.#queue.length, ...kept);
    this.#pendingBytes = kept.reduce((sum, { bytes }) => sum + bytes, 0);
  }

  #recover(): void {
    if (this.#health.ok) return;
    this.#health = { ok: true };
    this.#parts.log.info({}, "The store takes writes again.");
    this.#call(() => this.#onHealth(this.#health));
  }
}

function entryOf(mutation: Mutation, options: WriteOptions): Entry {
  const rows: Entry["rows"] = [];
  let bytes = 0;
  for (const key of mutation.deletes ?? []) {
    rows.push([key, undefined]);
    bytes += key.length;
  }
  for (const [key, value] of mutation.puts) {
    const text = encodeValue(value);
    rows.push([key, text]);
    bytes += key.length + Buffer.byteLength(text);
  }
  const answer = Promise.withResolvers<boolean>();
  return { rows, bytes, durability: mutation.durability, options, answered: false, answer };
}

/** As many entries from the front as fit into one commit, and always one. */
function nextGroup(queue: Entry[]): Entry[] {
  let [count, rows, bytes] = [0, 0, 0];
  for (const entry of queue) {
    rows += entry.rows.length;
    bytes += entry.bytes;
    if (count > 0 && (count >= maxMutations || rows > maxRows || bytes > maxBytes)) break;
    count += 1;
  }
  return queue.slice(0, count);
}

function commitOf(group: Entry[]): Commit {
  const last = new Map<string, string | undefined>();
  for (const entry of group) for (const [key, value] of entry.rows) last.set(key, value);
  const commit: Commit = { puts: [], deletes: [], sync: "normal" };
  for (const [key, value] of last) {
    if (value === undefined) commit.deletes.push(key);
    else commit.puts.push([key, value]);
  }
  if (group.some((entry) => entry.durability === "durable")) commit.sync = "full";
  return commit;
}

/** An error that does not come from SQLite is a fault of what was written, or of the program. */
function isOwnFault(error: unknown): boolean {
  const code = sqliteCode(error);
  return code === "" || ownFaults.includes(code);
}

const isKept = (entry: Entry) => entry.options.ifFailing !== "refuse";

const nextTurn = () => new Promise<void>((resolve) => setImmediate(resolve));
