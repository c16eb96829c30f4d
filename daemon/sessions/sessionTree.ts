/**
 * All sessions, in memory, as the tree that they are. The one way to change one is `commit`: the
 * new record counts at once for whoever decides something, goes to disk next, and is shown and told
 * to clients last. So nobody ever hears what the store does not hold (or is told `stored: false`).
 */
import { OffshootError } from "../../protocol/errors.ts";
import type { AgentEvent } from "../../protocol/events.ts";
import type { Completion, ParamsOf } from "../../protocol/messages.ts";
import type { Activity, Message, Session } from "../../protocol/session.ts";
import { blobParts, boundEvent } from "./eventSize.ts";
import type { News } from "./news.ts";
import type { SessionWriter, StoredSession, StoreHealth } from "./records.ts";
import { matches } from "./sessionFilter.ts";

/** What changes too often to be stored: it lives with the run and is laid over what is shown. */
export interface LiveFacts {
  lastHeartbeatAt: number;
  lastProgressAt: number;
  activity?: Activity;
}

/** One change of one or more sessions. Several changes can be stored as a whole, see `commit`. */
export interface Change {
  records: StoredSession[];
  messages?: { sessionId: string; message: Message }[];
  completion?: Completion;
  endedRun?: string;
  /** Told before the session/changed of the records. */
  first?: News[];
  /** Told after them. */
  last?: (stored: boolean) => News[];
}

export interface CommitOptions {
  /**
   * When the store fails: `keep` tells with stored: false and tries again until it works; `giveUp`
   * takes the changes back, for requests that have not been answered yet.
   */
  ifFailing: "keep" | "giveUp";
  /** `lazy`: a power cut may take it; default `durable`. */
  durability?: "durable" | "lazy";
  /** Called synchronously, just before clients are notified. */
  beforeNotifying?: (stored: boolean) => void;
  /** Called when kept changes are stored after all. */
  storedLater?: () => void;
}

export interface SessionTree {
  readonly size: number;
  readonly live: Map<string, LiveFacts>;
  /** The newest record, perhaps not stored yet: what decisions are made on. */
  find(sessionId: string): StoredSession | undefined;
  /** As `find`; throws 1001 where there is none. */
  get(sessionId: string): StoredSession;
  /** As `get`; throws 1011 for a root. */
  getChild(sessionId: string): StoredSession;
  /** As clients see it: stored, with the facts of the live run laid over. Throws 1001. */
  show(sessionId: string): Session;
  /** As `show`; undefined while it was not told yet, or is gone. */
  peek(sessionId: string): Session | undefined;
  showAll(rootIds: ReadonlySet<string> | undefined): Session[];
  list(filter: ParamsOf<"session/list">): { sessions: Session[]; nextCursor?: string };
  childrenOf(sessionId: string): ReadonlySet<string>;
  /** All descendants, children before their parents. */
  descendantsOf(sessionId: string): string[];
  /** From the session itself up to its root; nothing where there is no such session. */
  upwards(sessionId: string): Generator<StoredSession, void, undefined>;
  isWithin(sessionId: string, ancestorId: string): boolean;
  /** The roots that were made for a folder, the oldest first. */
  rootsOfFolder(cwd: string): StoredSession[];
  ofRequestKey(requestKey: string): StoredSession | undefined;
  records(): Iterable<StoredSession>;
  /**
   * Stores the changes as a whole, then tells them one after the other; answers if it is stored.
   * Of sessions that are being removed nothing is stored; `giveUp` throws 1003 there.
   */
  commit(changes: Change[], options: CommitOptions): Promise<boolean>;
  /** Resolves when no message of the session is on its way to the store that may be refused. */
  messagesDecided(sessionId: string): Promise<void>;
  /** The same for a request that is not answered yet: throws 1006 where the store cannot take it. */
  commitOrRefuse(changes: Change[]): Promise<void>;
  /** Numbers, stores and tells one event of a run. Rejects where the event has no JSON form. */
  append(sessionId: string, runId: string, event: AgentEvent): Promise<boolean>;
  /** Number of the last event that clients were notified of. */
  lastSeq(sessionId: string): number;
  /** The same of those that are stored: what clients may go on from. */
  storedSeq(sessionId: string): number;
  /**
   * Removes sessions from the store, then from here, and notifies. Rejects where the store cannot
   * take it; those that are not removed by then stay.
   */
  remove(sessionIds: string[]): Promise<void>;
}

interface Staged {
  change: Change;
  records: StoredSession[];
  before: (StoredSession | undefined)[];
}

/** What the tree has to know of the queue. */
export interface QueuePlaces {
  /** Counts a session that is being stored for the bounds of the queue. */
  expect(sessionId: string, rootId: string): void;
  remove(sessionId: string): boolean;
  /** 1 is next; undefined where the session is not in the queue. */
  position(sessionId: string): number | undefined;
}

interface Parts {
  store: SessionWriter;
  places: QueuePlaces;
  now: () => number;
  /** Sends a notification to the clients that it concerns. */
  notify: (news: News) => void;
  /** What the store held at start. */
  loaded: Iterable<StoredSession>;
}

const none: ReadonlySet<string> = new Set();

export function createSessionTree(parts: Parts): SessionTree {
  const { store, places, now, notify } = parts;
  const newest = new Map<string, StoredSession>();
  const shown = new Map<string, Session>();
  const children = new Map<string, Set<string>>();
  const requestKeys = new Map<string, string>();
  const folders = new Map<string, Set<string>>();
  /** Sessions whose removal is on its way to the store: a later write would bring them back. */
  const removing = new Set<string>();
  /** Messages on their way to the store that it may refuse, by session. */
  const undecided = new Map<string, Promise<boolean>>();
  const seqs = new Map<string, { given: number; told: number; stored: number }>();
  const live = new Map<string, LiveFacts>();

  for (const record of parts.loaded) {
    index(record);
    shown.set(record.session.id, record.session);
  }

  function index(record: StoredSession): void {
    const { id, parentId, kind, cwd, lastSeq } = record.session;
    newest.set(id, record);
    seqs.set(id, { given: lastSeq, told: lastSeq, stored: lastSeq });
    if (parentId !== null) {
      const siblings = children.get(parentId);
      if (siblings === undefined) children.set(parentId, new Set([id]));
      else siblings.add(id);
    }
    if (record.requestKey !== undefined) requestKeys.set(record.requestKey, id);
    if (kind === "root") folders.set(cwd, (folders.get(cwd) ?? new Set()).add(id));
  }

  function unindex(id: string): void {
    const record = newest.get(id);
    if (record === undefined) return;
    const { parentId, cwd } = record.session;
    newest.delete(id);
    shown.delete(id);
    seqs.delete(id);
    children.delete(id);
    if (parentId !== null) {
      const siblings = children.get(parentId);
      siblings?.delete(id);
      if (siblings?.size === 0) children.delete(parentId);
    }
    if (record.requestKey !== undefined) requestKeys.delete(record.requestKey);
    const roots = folders.get(cwd);
    if (roots?.delete(id) === true && roots.size === 0) folders.delete(cwd);
  }

  function get(sessionId: string): StoredSession {
    return newest.get(sessionId) ?? notFound(sessionId);
  }

  function present(session: Session): Session {
    const lastSeq = seqs.get(session.id)?.stored ?? session.lastSeq;
    if (session.status === "queued") {
      const position = places.position(session.id);
      return { ...session, lastSeq, ...(position !== undefined && { position }) };
    }
    const facts = live.get(session.id);
    if (facts === undefined || !("lastHeartbeatAt" in session)) return { ...session, lastSeq };
    return { ...session, lastSeq, ...facts };
  }

  /** A new session whose storing failed is taken back; so is a change. */
  function takeBack(record: StoredSession, before: StoredSession | undefined): void {
    const last = newest.get(record.session.id);
    if (last !== record) {
      if (last !== undefined && before !== undefined) countBack(last, record, before);
      return;
    }
    if (record.session.status === "queued" && before?.session.status !== "queued") {
      places.remove(record.session.id);
    }
    if (before === undefined) unindex(record.session.id);
    else newest.set(record.session.id, before);
  }

  /** The last record followed the refused one, and counts what that one has added. */
  function countBack(last: StoredSession, refused: StoredSession, before: StoredSession): void {
    const messages = refused.session.messageCount - before.session.messageCount;
    const spawned = refused.childCount - before.childCount;
    if (messages === 0 && spawned === 0) return;
    const { version, messageCount } = last.session;
    const counted = { version: version + 1, messageCount: messageCount - messages };
    const session = { ...last.session, ...counted };
    const record = { ...last, session, childCount: last.childCount - spawned };
    void commit([{ records: [record] }], { ifFailing: "keep" });
  }

  /** Makes the records count for decisions; answers with what they replace. */
  function stage(change: Change): Staged {
    const records = change.records.flatMap((record) => {
      if (removing.has(record.session.id)) return [];
      const given = seqs.get(record.session.id)?.given ?? 0;
      return [{ ...record, session: { ...record.session, lastSeq: given } }];
    });
    const before = records.map((record) => newest.get(record.session.id));
    for (const [place, record] of records.entries()) {
      const { id, rootId, status } = record.session;
      if (newest.has(id)) newest.set(id, record);
      else index(record);
      const wasQueued = before[place]?.session.status === "queued";
      if (status === "queued" && !wasQueued) places.expect(id, rootId);
    }
    return { change, records, before };
  }

  function tellChange({ change, records, before }: Staged, stored: boolean): void {
    for (const news of change.first ?? []) notify(news);
    for (const [place, { session }] of records.entries()) {
      // Deleted meanwhile: a late change must not bring it back.
      if (!newest.has(session.id)) continue;
      const honest = !stored && "stored" in session ? { ...session, stored: false } : session;
      shown.set(session.id, honest);
      if (before[place]?.session.version === session.version) continue;
      const params = { session: present(honest) };
      notify({ method: "session/changed", params, rootId: session.rootId });
    }
    for (const news of change.last?.(stored) ?? []) notify(news);
  }

  function commit(changes: Change[], options: CommitOptions): Promise<boolean> {
    if (options.ifFailing === "giveUp") refuseRemoved(changes);
    const staged = changes.map(stage);
    const completion = changes.find((change) => change.completion)?.completion;
    const messages = changes.flatMap((change) => change.messages ?? []);
    const storing = store.write(
      {
        headers: staged.flatMap(({ records }) => records),
        messages,
        ...(completion && { completion }),
        endedRuns: changes.flatMap(({ endedRun }) => endedRun ?? []),
        durability: options.durability ?? "durable",
      },
      {
        ifFailing: options.ifFailing,
        told(stored) {
          if (!stored && options.ifFailing === "giveUp") {
            for (const { records, before } of staged.reverse()) {
              records.forEach((record, place) => takeBack(record, before[place]));
            }
            return;
          }
          options.beforeNotifying?.(stored);
          for (const one of staged) tellChange(one, stored);
        },
        ...(options.storedLater && { storedLater: options.storedLater }),
      },
    );
    if (options.ifFailing === "giveUp") {
      for (const { sessionId } of messages) awaitDecision(sessionId, storing);
    }
    return storing;
  }

  function awaitDecision(sessionId: string, storing: Promise<boolean>): void {
    undecided.set(sessionId, storing);
    void storing.then(() => {
      if (undecided.get(sessionId) === storing) undecided.delete(sessionId);
    });
  }

  async function messagesDecided(sessionId: string): Promise<void> {
    while (undecided.has(sessionId)) await undecided.get(sessionId);
  }

  function refuseRemoved(changes: Change[]): void {
    for (const { session } of changes.flatMap(({ records }) => records)) {
      if (!removing.has(session.id)) continue;
      const message = `session ${session.id} is being deleted`;
      throw new OffshootError("invalidState", message, { status: session.status });
    }
  }

  async function append(sessionId: string, runId: string, event: AgentEvent): Promise<boolean> {
    const seq = seqs.get(sessionId);
    const { session } = get(sessionId);
    if (seq === undefined) return notFound(sessionId);
    const number = seq.given + 1;
    // Throws when the event has no JSON form; then no number is used up.
    const bounded = boundEvent(event, `${number}`);
    seq.given = number;
    return await store.write(
      {
        events: [{ sessionId, event: { seq: number, at: now(), runId, event: bounded.event } }],
        ...(bounded.blobs.length > 0 && {
          blobs: bounded.blobs.flatMap((blob) => blobParts(sessionId, blob)),
        }),
        durability: "lazy",
      },
      {
        ifFailing: "keep",
        told: (stored) => {
          seq.told = number;
          if (stored) seq.stored = number;
          notify({
            method: "subAgent/event",
            params: {
              parentSessionId: session.parentId ?? "",
              childSessionId: sessionId,
              runId,
              seq: number,
              ...(!stored && { stored: false as const }),
              event: bounded.event,
            },
            rootId: session.rootId,
          });
        },
        storedLater: () => {
          seq.stored = Math.max(seq.stored, number);
        },
      },
    );
  }

  function forget(sessionIds: readonly string[]): void {
    const records = sessionIds.flatMap((id) => newest.get(id) ?? []);
    for (const { session } of records) unindex(session.id);
    for (const [rootId, gone] of Map.groupBy(records, ({ session }) => session.rootId)) {
      const ids = gone.map(({ session }) => session.id);
      notify({ method: "session/removed", params: { sessionIds: ids }, rootId });
    }
  }

  function* upwards(sessionId: string): Generator<StoredSession, void, undefined> {
    let record = newest.get(sessionId);
    while (record !== undefined) {
      yield record;
      record = newest.get(record.session.parentId ?? "");
    }
  }

  /** Without recursion: an agent decides how deep the sub-agents are that it announces. */
  function descendantsOf(sessionId: string): string[] {
    const found: string[] = [];
    const open = [...(children.get(sessionId) ?? none)];
    for (let id = open.pop(); id !== undefined; id = open.pop()) {
      found.push(id);
      open.push(...(children.get(id) ?? none));
    }
    return found.reverse();
  }

  return {
    live,
    get,
    getChild(sessionId) {
      const record = get(sessionId);
      if (record.session.kind === "child") return record;
      const message = `session ${sessionId} is a root: it belongs to a person or an outside agent and never runs`;
      throw new OffshootError("notAChild", message, { sessionId });
    },
    commit,
    messagesDecided,
    async commitOrRefuse(changes) {
      if (!(await commit(changes, { ifFailing: "giveUp" }))) throw storeUnavailable(store.health);
    },
    append,
    descendantsOf,
    get size() {
      return newest.size;
    },
    find: (sessionId) => newest.get(sessionId),
    show: (sessionId) => present(shown.get(sessionId) ?? notFound(sessionId)),
    peek: (sessionId) => shown.get(sessionId),
    showAll: (rootIds) =>
      [...shown.values()]
        .filter((session) => rootIds === undefined || rootIds.has(session.rootId))
        .map(present),
    list(filter) {
      const page: Session[] = [];
      const limit = filter.limit ?? 100;
      for (const session of [...shown.values()].reverse()) {
        if (filter.cursor !== undefined && session.id >= filter.cursor) continue;
        if (!matches(session, filter)) continue;
        if (page.length === limit) return { sessions: page, nextCursor: page.at(-1)?.id ?? "" };
        page.push(present(session));
      }
      return { sessions: page };
    },
    childrenOf: (sessionId) => children.get(sessionId) ?? none,
    upwards,
    isWithin: (sessionId, ancestorId) =>
      upwards(sessionId).some(({ session }) => session.id === ancestorId),
    rootsOfFolder: (cwd) => [...(folders.get(cwd) ?? none)].map(get),
    ofRequestKey: (requestKey) => newest.get(requestKeys.get(requestKey) ?? ""),
    records: () => newest.values(),
    lastSeq: (sessionId) => seqs.get(sessionId)?.told ?? 0,
    storedSeq: (sessionId) => seqs.get(sessionId)?.stored ?? 0,
    async remove(sessionIds) {
      for (const id of sessionIds) removing.add(id);
      try {
        await store.deleteSessions(sessionIds, forget);
      } finally {
        for (const id of sessionIds) removing.delete(id);
      }
    },
  };
}

/** 1006, with why the store takes no writes. */
export function storeUnavailable(health: StoreHealth): OffshootError {
  const cause = health.ok ? "the write failed" : health.cause;
  return new OffshootError("storeUnavailable", `the store cannot take it: ${cause}`, { cause });
}

function notFound(sessionId: string): never {
  throw new OffshootError("sessionNotFound", `there is no session ${sessionId}`, { sessionId });
}
