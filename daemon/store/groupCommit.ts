/**
 * Group commit: whatever is written while one commit runs goes into the next one, so that a
 * thousand sessions share an fsync. A mutation is never split, and the order never changes.
 */
import type { StoreHealth, WriteOptions } from "../sessions/records.ts";
import { setTimeout as wait } from "node:timers/promises";
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

export interface GroupCommit {
  /**
   * Takes a mutation; later changes of its objects do not matter. The promise resolves right after
   * `told`, with the same. Throws when a value has no JSON form.
   *
   * When a commit fails, its members are tried one by one. One that fails because of itself is
   * given up: told as not stored, and logged. One that fails because of the file or the disk makes
   * the store not ok: it and everything written from then on are told as not stored, and what is to
   * be kept is tried again in its order until it is stored; then `storedLater` is called.
   */
  write(mutation: Mutation, options?: WriteOptions): Promise<boolean>;
  /** Bytes that wait to be committed, kept ones included. Nothing else bounds them. */
  readonly pendingBytes: number;
  readonly health: StoreHealth;
  /** Calls `listener` with every change of the health. */
  onHealth(listener: (health: StoreHealth) => void): void;
  /** Resolves when everything written before is answered. */
  flush(): Promise<void>;
  /** Commits what waits. What was kept is tried once more, then given up and logged. */
  close(): Promise<void>;
}

export interface GroupCommitParts {
  /** Makes all changes in one transaction, or rejects and makes none. */
  commit: (commit: Commit) => Promise<void>;
  log: Log;
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

export function openGroupCommit(parts: GroupCommitParts): GroupCommit {
  const { commit, log, explain, retryMs = 1000 } = parts;
  // Members of the running commit stay in front until it is over.
  const queue: Entry[] = [];
  const closing = new AbortController();
  let pendingBytes = 0;
  let health: StoreHealth = { ok: true };
  let onHealth: (now: StoreHealth) => void = () => undefined;
  let working: Promise<void> | undefined;

  function write(mutation: Mutation, options: WriteOptions = {}): Promise<boolean> {
    const entry = entryOf(mutation, options);
    const refused = !health.ok || closing.signal.aborted;
    if (refused) queueMicrotask(() => answer(entry, false));
    if (!refused || (isKept(entry) && !closing.signal.aborted)) {
      queue.push(entry);
      pendingBytes += entry.bytes;
      working ??= work();
    }
    return entry.answer.promise;
  }

  async function work(): Promise<void> {
    while (queue.length > 0 || !health.ok) {
      // Those who were just answered get the chance to be in this commit with their next write.
      await nextTurn();
      const failure = await (queue.length > 0 ? storeGroup(nextGroup(queue)) : probe());
      if (failure === undefined) recover();
      else {
        await degrade(failure);
        if (closing.signal.aborted) break;
        await wait(retryMs, undefined, { signal: closing.signal }).catch(() => undefined);
      }
    }
    working = undefined;
  }

  /** Answers with the error that the file or the disk gave, if it gave one. */
  async function storeGroup(group: Entry[]): Promise<unknown> {
    try {
      await commit(commitOf(group));
      leave(group);
      for (const entry of group) stored(entry);
      return undefined;
    } catch {
      // One of them may have spoilt it for the others.
      return storeOneByOne(group);
    }
  }

  async function storeOneByOne(group: Entry[]): Promise<unknown> {
    for (const entry of group) {
      try {
        await commit(commitOf([entry]));
        leave([entry]);
        stored(entry);
      } catch (error) {
        if (!isOwnFault(error)) return error;
        const keys = entry.rows.slice(0, 10).map(([key]) => key);
        log.error({ err: error, keys }, "A write was given up: the store does not take it.");
        leave([entry]);
        answer(entry, false);
      }
    }
    return undefined;
  }

  /** Finds out whether the store takes writes again while there is none to try. */
  async function probe(): Promise<unknown> {
    try {
      await commit({ puts: [[probeKey, probeValue]], deletes: [], sync: "full" });
      await commit({ puts: [], deletes: [probeKey], sync: "full" });
      return undefined;
    } catch (error) {
      return error;
    }
  }

  function stored(entry: Entry): void {
    if (entry.answered) call(entry.options.storedLater);
    else answer(entry, true);
  }

  /** Entries leave in their order, so these are the first ones. */
  function leave(group: Entry[]): void {
    queue.splice(0, group.length);
    for (const entry of group) pendingBytes -= entry.bytes;
  }

  function answer(entry: Entry, isStored: boolean): void {
    if (entry.answered) return;
    entry.answered = true;
    call(() => entry.options.decided?.(isStored));
    entry.answer.resolve(isStored);
  }

  /** A fault in what one caller does must not hurt the others. */
  function call(callback: (() => void) | undefined): void {
    try {
      callback?.();
    } catch (error) {
      log.error({ err: error }, "A callback of the store has thrown.");
    }
  }

  async function degrade(error: unknown): Promise<void> {
    const cause = await explain(error);
    const wasOk = health.ok;
    health = { ok: false, cause };
    if (wasOk) {
      log.error({ err: error }, cause);
      call(() => onHealth(health));
    }
    for (const entry of queue) answer(entry, false);
    const kept = queue.filter(isKept);
    queue.splice(0, queue.length, ...kept);
    pendingBytes = kept.reduce((sum, { bytes }) => sum + bytes, 0);
  }

  function recover(): void {
    if (health.ok) return;
    health = { ok: true };
    log.info({}, "The store takes writes again.");
    call(() => onHealth(health));
  }

  return {
    write,
    onHealth: (listener) => void (onHealth = listener),
    get pendingBytes() {
      return pendingBytes;
    },
    get health() {
      return health;
    },
    async flush() {
      await queue.at(-1)?.answer.promise;
    },
    async close() {
      closing.abort();
      await working;
      const lost = queue.splice(0);
      if (lost.length > 0) log.error({ mutations: lost.length }, "Writes were lost at the end.");
    },
  };
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

const isKept = (entry: Entry) => entry.options.ifFailing !== "giveUp";

const nextTurn = () => new Promise<void>((resolve) => setImmediate(resolve));
