/**
 * What clients were promised, and the comparison with what the store holds when everything has come
 * to rest.
 */
import { deepEqual, equal, ok } from "node:assert/strict";
import { isDeepStrictEqual } from "node:util";
import type { StoredEvent } from "../../protocol/events.ts";
import type { Completion } from "../../protocol/messages.ts";
import { isTerminal, type Message, type Session } from "../../protocol/session.ts";
import type { Editor } from "./faultEditor.ts";

/** What was answered, by whichever editor asked. The key of a spawn is also its title. */
export interface Ledger {
  /** The session that each key was answered with. */
  readonly spawned: Map<string, string>;
  /** Runs that an answer has named. */
  readonly runs: Set<string>;
  /** Sessions whose deletion was asked for, and those of which it was answered. */
  readonly deleting: Set<string>;
  readonly deleted: Set<string>;
}

export function newLedger(): Ledger {
  return { spawned: new Map(), runs: new Set(), deleting: new Set(), deleted: new Set() };
}

/** Everything that the store holds, read through the protocol by a client that knows nothing yet. */
export interface Holdings {
  sessions: Session[];
  completions: Completion[];
  events: Map<string, StoredEvent[]>;
  messages: Map<string, Message[]>;
}

/** `reader` is a fresh editor: it was sent every completion again when it subscribed. */
export async function readHoldings(reader: Editor): Promise<Holdings> {
  const sessions: Session[] = [];
  let cursor: string | undefined;
  do {
    const page = await reader.insist("session/list", { limit: 500, ...(cursor && { cursor }) });
    sessions.push(...page.sessions);
    cursor = page.nextCursor;
  } while (cursor !== undefined);
  const events = new Map<string, StoredEvent[]>();
  const messages = new Map<string, Message[]>();
  for (const { id, lastSeq } of sessions) {
    events.set(id, await readEvents(reader, id, lastSeq));
    const answer = await reader.insist("session/messages", { sessionId: id, limit: 1000 });
    messages.set(id, answer.messages);
  }
  const completions = [...reader.completions.values()];
  return { sessions, completions, events, messages };
}

async function readEvents(reader: Editor, sessionId: string, last: number): Promise<StoredEvent[]> {
  const all: StoredEvent[] = [];
  for (let after = 0; after < last; after = all.at(-1)?.seq ?? last) {
    const page = await reader.insist("session/events", { sessionId, after, limit: 1000 });
    if (page.events.length === 0) break;
    all.push(...page.events);
  }
  return all;
}

/** Throws where the store does not hold what was promised. */
export function checkHoldings(held: Holdings, ledger: Ledger, editors: readonly Editor[]): void {
  checkCompletions(held, ledger);
  checkSessions(held, ledger);
  for (const editor of editors) checkTold(held, editor, ledger);
}

function checkCompletions({ completions, sessions }: Holdings, { runs }: Ledger): void {
  const numbers = completions.map(({ completionSeq }) => completionSeq);
  deepEqual(numbers, oneTo(numbers.length), "the completions are numbered from 1 without a gap");
  const ofRun = Map.groupBy(completions, ({ runId }) => runId);
  const doubled = [...ofRun.values()].filter((all) => all.length > 1);
  deepEqual(doubled, [], "no run has two completions");
  for (const runId of runs) ok(ofRun.has(runId), `run ${runId} was answered and has no completion`);
  for (const session of sessions) {
    if (!isTerminal(session)) continue;
    const [completion] = ofRun.get(session.runId) ?? [];
    ok(completion !== undefined, `the last run of ${session.id} has no completion`);
    const { status, result, reason } = session;
    deepEqual([completion.status, completion.result, completion.reason], [status, result, reason]);
  }
}

function checkSessions(held: Holdings, { spawned, deleting, deleted }: Ledger): void {
  const ids = new Set(held.sessions.map(({ id }) => id));
  equal(ids.size, held.sessions.length, "no session is listed twice");
  for (const id of deleted) ok(!ids.has(id), `${id} was deleted and is back`);
  const ofTitle = Map.groupBy(held.sessions, ({ title }) => title);
  for (const [key, id] of spawned) {
    ok((ofTitle.get(key)?.length ?? 0) <= 1, `${key} made more than one session`);
    ok(ids.has(id) || deleting.has(id), `the session of ${key} was answered and is lost`);
  }
  for (const { id, status, kind, lastSeq, messageCount } of held.sessions) {
    if (kind === "root") continue;
    ok(
      ["completed", "cancelled", "error", "timeout", "interrupted", "skipped"].includes(status),
      `${id} rests as ${status}`,
    );
    const seqs = held.events.get(id)?.map(({ seq }) => seq);
    deepEqual(seqs, oneTo(lastSeq), `the events of ${id} are numbered from 1 without a gap`);
    const numbers = held.messages.get(id)?.map(({ n }) => n);
    deepEqual(numbers, oneTo(messageCount), `the messages of ${id} have no gap`);
  }
}

/** Whatever a client has heard is what the store holds. */
function checkTold(held: Holdings, editor: Editor, { deleting }: Ledger): void {
  deepEqual(editor.faults, []);
  for (const [seq, told] of editor.completions) {
    const stored = held.completions[seq - 1];
    deepEqual({ ...told, stored: true }, { ...stored, stored: true }, `completion ${seq}`);
  }
  const known = new Set(held.sessions.map(({ id }) => id));
  for (const [sessionId, told] of editor.events) {
    if (!known.has(sessionId)) {
      ok(deleting.has(sessionId), `${sessionId} was heard of, and it is lost`);
      continue;
    }
    const stored = held.events.get(sessionId) ?? [];
    for (const { seq, runId, event } of told) {
      const { at: _at, ...row } = stored[seq - 1] ?? { at: 0 };
      const same = isDeepStrictEqual(row, { seq, runId, event });
      ok(same, `event ${seq} of ${sessionId} was told as ${JSON.stringify(event)}`);
    }
  }
}

function oneTo(last: number): number[] {
  return Array.from({ length: last }, (_, place) => place + 1);
}
