/** The store of sessions, which `openStore` opens. */
import type { Keyv } from "keyv";
import { ApprovalRule, type Approval } from "../../protocol/approvals.ts";
import type { StoredEvent } from "../../protocol/events.ts";
import type { Completion } from "../../protocol/messages.ts";
import type { Message } from "../../protocol/session.ts";
import { messageOf } from "../base/errors.ts";
import type { Log } from "../base/log.ts";
import type { GroupCommit, Mutation } from "./groupCommit.ts";
import * as keys from "./keys.ts";
import type {
  StoredProcess,
  StoredSession,
  StoreWrite,
  UnreadableRow,
  WriteOptions,
  StoreHealth,
} from "../sessions/records.ts";
import { removeRange, removeSessionRows, shrinkFile } from "./removal.ts";
import type { Row, SqliteAdapter } from "./sqliteAdapter.ts";
import { decodeValue, encodeValue } from "./values.ts";

/** The store, as the rest of the core sees it. Open one with `openStore`. */
export interface Store {
  /** Absolute path of the database. */
  readonly file: string;
  /** Where a damaged database was moved to when this one was made in its place. */
  readonly setAside?: string;
  readonly health: StoreHealth;
  /** Calls `listener` with every change of the health. */
  onHealth(listener: (health: StoreHealth) => void): void;
  /** Bytes that wait to be committed; for back-pressure. */
  readonly pendingBytes: number;

  /** Stores one change as a whole. See GroupCommit.write for the order, the options and what a failure means. */
  write(write: StoreWrite, options?: WriteOptions): Promise<boolean>;
  /** Resolves when everything written before is answered. */
  flush(): Promise<void>;
  /** Every session. A row that cannot be read is reported beside the others and stays stored. */
  loadHeaders(): Promise<{ sessions: StoredSession[]; unreadable: UnreadableRow[] }>;
  /** Number of the last stored event of a session, 0 without any. */
  lastEventSeq(sessionId: string): Promise<number>;
  /**
   * Events with a number above `after`, oldest first. May hold one that is not committed yet: cut
   * the list at the last event that clients were notified of.
   */
  events(sessionId: string, after: number, limit: number): Promise<StoredEvent[]>;
  /** Messages with a number above `afterN`, oldest first. */
  messages(sessionId: string, afterN: number, limit: number): Promise<Message[]>;
  /** Completions with a number above `after`, oldest first. */
  completions(after: number, limit: number): Promise<Completion[]>;
  /** Number of the newest completion, 0 without any. */
  lastCompletionSeq(): Promise<number>;
  /** Processes of runs that have not ended. */
  processes(): Promise<StoredProcess[]>;
  /** Approvals that have not ended. */
  approvals(): Promise<Approval[]>;
  /** The rules that people made of their answers, oldest first. */
  approvalRules(): Promise<ApprovalRule[]>;
  /** One part of a blob, undefined behind its last one. */
  blobPart(sessionId: string, blobId: string, part: number): Promise<string | undefined>;
  /**
   * Removes sessions with all of their rows; their completions stay. Resolves when they are gone
   * and the file has shrunk; other writes go on meanwhile. Calls `gone` with those whose headers are
   * gone for good, before it removes their other rows: a later core ends what was begun. Rejects
   * when the store cannot take it; then all stay that `gone` was not called with.
   */
  deleteSessions(sessionIds: string[], gone?: (sessionIds: string[]) => void): Promise<void>;
  /**
   * Removes the completions with a number below `beforeSeq`. The newest one always stays, because
   * its number is what the next one counts from.
   */
  pruneCompletions(beforeSeq: number): Promise<void>;
  /** Bytes that the rows take in the file, free pages not counted. */
  bytes(): Promise<number>;
  getMeta(name: string): Promise<unknown>;
  /** Stores what waits, then closes the file. Calling it again does nothing. */
  close(): Promise<void>;
}

export interface SessionStoreParts {
  file: string;
  setAside?: string;
  adapter: SqliteAdapter;
  keyv: Keyv;
  group: GroupCommit;
  log: Log;
}

const rowsPerRead = 2000;
const sessionsPerDeletion = 100;
/** More than any list that is read as a whole ever has. */
const everything = 1_000_000;

export async function openSessionStore(parts: SessionStoreParts): Promise<Store> {
  const { adapter, keyv, group, log } = parts;
  const closing = new AbortController();
  const removals = new Set<Promise<void>>();
  const processKeys = await loadProcessKeys(adapter);

  /** `keyOf` says which key a value belongs to. */
  async function list<Value>(
    range: keys.KeyRange,
    limit: number,
    keyOf: (value: Value) => string,
  ): Promise<Value[]> {
    const { values, unreadable } = decodeRows(await adapter.range(range, limit), keyOf);
    for (const row of unreadable) log.error(row, "A stored row cannot be read; it is left out.");
    return values;
  }

  async function lastNumber(range: keys.KeyRange): Promise<number> {
    const last = await adapter.rangeKeys(range, 10, { reverse: true });
    return last.map(keys.numberOfKey).find(Number.isSafeInteger) ?? 0;
  }

  async function read<Value>(key: string): Promise<Value | undefined> {
    const [value] = await list<Value>({ from: key, to: `${key}\0` }, 1, () => key);
    return value;
  }

  async function loadHeaders() {
    const sessions: StoredSession[] = [];
    const unreadable: UnreadableRow[] = [];
    const range = keys.headers();
    let reading = adapter.range(range, rowsPerRead);
    for (;;) {
      const rows = await reading;
      const last = rows.at(-1);
      if (last === undefined) return { sessions, unreadable };
      // The next rows, from the first key behind the last one, are read while these are decoded.
      reading = adapter.range({ from: `${last.key}\0`, to: range.to }, rowsPerRead);
      const decoded = decodeRows<StoredSession>(rows, ({ session }) => keys.headerKey(session.id));
      sessions.push(...decoded.values);
      unreadable.push(...decoded.unreadable);
    }
  }

  async function deleteSome(
    sessionIds: string[],
    gone: (sessionIds: string[]) => void,
  ): Promise<void> {
    const mutation: Mutation = {
      puts: sessionIds.map((id) => [keys.deletionKey(id), true]),
      deletes: sessionIds.map(keys.headerKey),
      durability: "durable",
    };
    const isStored = await group.write(mutation, {
      ifFailing: "refuse",
      decided: (stored) => stored && gone(sessionIds),
    });
    if (!isStored) {
      // On a full disk the removal may be what frees space, so it must not wait behind writes that
      // do not fit. A log that was emptied can be written anew where it could not grow.
      await adapter.exclusively(() => adapter.query("PRAGMA wal_checkpoint(TRUNCATE)"));
      const puts = sessionIds.map((id): [string, string] => [
        keys.deletionKey(id),
        encodeValue(true),
      ]);
      await adapter.commit({ puts, deletes: mutation.deletes ?? [], sync: "full" });
      gone(sessionIds);
      // Once more, after all that was written of these sessions before and is not stored yet.
      void group.write(mutation, { storedLater: () => removeLater(sessionIds) });
    }
    await removeSessionRows(adapter, sessionIds, closing.signal);
  }

  function removeLater(sessionIds: string[]): void {
    const removal = removeSessionRows(adapter, sessionIds, closing.signal)
      .then(() => shrinkFile(adapter, closing.signal))
      .catch((error: unknown) => log.error({ err: error }, "Removing sessions has failed."))
      .finally(() => removals.delete(removal));
    removals.add(removal);
  }

  const begun = await adapter.rangeKeys(keys.deletions(), everything);
  if (begun.length > 0) removeLater(begun.map(keys.sessionIdOfKey));

  return {
    file: parts.file,
    ...(parts.setAside !== undefined && { setAside: parts.setAside }),
    get health() {
      return group.health;
    },
    get pendingBytes() {
      return group.pendingBytes;
    },
    onHealth: (listener) => group.onHealth(listener),
    write: (write, options) => group.write(mutationOf(write, processKeys), options),
    flush: () => group.flush(),
    loadHeaders,
    lastEventSeq: (sessionId) => lastNumber(keys.eventsAfter(sessionId, 0)),
    events: (sessionId, after, limit) =>
      list(keys.eventsAfter(sessionId, after), limit, ({ seq }) => keys.eventKey(sessionId, seq)),
    messages: (sessionId, afterN, limit) =>
      list(keys.messagesAfter(sessionId, afterN), limit, ({ n }) => keys.messageKey(sessionId, n)),
    completions: (after, limit) =>
      list(keys.completionsAfter(after), limit, ({ completionSeq }) =>
        keys.completionKey(completionSeq),
      ),
    lastCompletionSeq: () => lastNumber(keys.completions()),
    processes: () =>
      list(keys.processes(), everything, ({ runId, pid, startTime }) =>
        typeof startTime === "string" ? keys.processKey(runId, pid) : "",
      ),
    approvals: () => list(keys.approvals(), everything, ({ id }) => keys.approvalKey(id)),
    approvalRules: () =>
      list(keys.approvalRules(), everything, (rule) =>
        keys.approvalRuleKey(ApprovalRule.parse(rule).id),
      ),
    async blobPart(sessionId, blobId, part) {
      return read(keys.blobPartKey(sessionId, blobId, part));
    },
    async deleteSessions(sessionIds, gone = () => undefined) {
      for (let at = 0; at < sessionIds.length; at += sessionsPerDeletion) {
        await deleteSome(sessionIds.slice(at, at + sessionsPerDeletion), gone);
      }
      await shrinkFile(adapter, closing.signal);
    },
    async pruneCompletions(beforeSeq) {
      const newest = await lastNumber(keys.completions());
      const range = keys.completionsBefore(Math.min(beforeSeq, newest));
      await removeRange(adapter, range, closing.signal);
      await shrinkFile(adapter, closing.signal);
    },
    bytes: () => usedBytes(adapter),
    getMeta: (name) => read(keys.metadataKey(name)),
    async close() {
      closing.abort();
      await group.close();
      await Promise.all(removals);
      await keyv.disconnect();
    },
  };
}

/** The rows of a write. `processKeys` learns what it adds and forgets what it ends. */
function mutationOf(write: StoreWrite, processKeys: Map<string, Set<string>>): Mutation {
  const puts: Mutation["puts"] = [];
  const deletes = [
    ...(write.endedApprovals ?? []).map(keys.approvalKey),
    ...(write.removedApprovalRules ?? []).map(keys.approvalRuleKey),
  ];
  for (const header of write.headers ?? []) puts.push([keys.headerKey(header.session.id), header]);
  for (const { sessionId, event } of write.events ?? []) {
    puts.push([keys.eventKey(sessionId, event.seq), event]);
  }
  for (const { sessionId, message } of write.messages ?? []) {
    puts.push([keys.messageKey(sessionId, message.n), message]);
  }
  if (write.completion) {
    puts.push([keys.completionKey(write.completion.completionSeq), write.completion]);
  }
  for (const { sessionId, blobId, part, text } of write.blobs ?? []) {
    puts.push([keys.blobPartKey(sessionId, blobId, part), text]);
  }
  for (const approval of write.approvals ?? [])
    puts.push([keys.approvalKey(approval.id), approval]);
  for (const [name, value] of Object.entries(write.metadata ?? {})) {
    puts.push([keys.metadataKey(name), value]);
  }
  for (const rule of write.approvalRules ?? []) puts.push([keys.approvalRuleKey(rule.id), rule]);
  for (const process of write.processes ?? []) {
    const key = keys.processKey(process.runId, process.pid);
    puts.push([key, process]);
    rememberProcess(processKeys, process.runId, key);
  }
  for (const runId of write.endedRuns ?? []) {
    deletes.push(...(processKeys.get(runId) ?? []));
    processKeys.delete(runId);
  }
  return { puts, deletes, durability: write.durability };
}

/** The keys of the process rows by run, so that the end of a run needs to read nothing. */
async function loadProcessKeys(adapter: SqliteAdapter): Promise<Map<string, Set<string>>> {
  const processKeys = new Map<string, Set<string>>();
  for (const key of await adapter.rangeKeys(keys.processes(), everything)) {
    rememberProcess(processKeys, keys.runIdOfProcessKey(key), key);
  }
  return processKeys;
}

function rememberProcess(processKeys: Map<string, Set<string>>, runId: string, key: string): void {
  const known = processKeys.get(runId);
  if (known) known.add(key);
  else processKeys.set(runId, new Set([key]));
}

function decodeRows<Value>(
  rows: Row[],
  keyOf: (value: Value) => string,
): { values: Value[]; unreadable: UnreadableRow[] } {
  const values: Value[] = [];
  const unreadable: UnreadableRow[] = [];
  for (const { key, value } of rows) {
    try {
      const decoded = decodeValue(value) as Value;
      if (keyOf(decoded) !== key) throw new TypeError("the row does not hold what its key says");
      values.push(decoded);
    } catch (error) {
      unreadable.push({ key, cause: messageOf(error) });
    }
  }
  return { values, unreadable };
}

async function usedBytes(adapter: SqliteAdapter): Promise<number> {
  const sql =
    "SELECT (page_count - freelist_count) * page_size AS bytes " +
    "FROM pragma_page_count, pragma_freelist_count, pragma_page_size";
  const rows = (await adapter.query(sql)) as { bytes: number }[];
  return rows[0]?.bytes ?? 0;
}
