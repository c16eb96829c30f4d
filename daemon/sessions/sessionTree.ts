/**
 * All sessions, in memory, as the tree that they are. The one way to change one is `commit`: the
 * new record counts at once for decisions, is stored next, and is shown to clients last. So clients
 * are notified only of what the store holds, or of what is marked `stored: false`.
 */
import { OffshootError } from "../../protocol/errors.ts";
import type { AgentEvent } from "../../protocol/events.ts";
import type { Session } from "../../protocol/session.ts";
import type { Change, CommitOptions, LiveFacts, QueuePlaces } from "./change.ts";
import { blobParts, boundEvent } from "./eventSize.ts";
import type { News } from "./news.ts";
import type { SessionWriter, StoredSession } from "./records.ts";
import { notFound, SessionIndex } from "./sessionIndex.ts";
import { storeUnavailable } from "./storeUnavailable.ts";

interface Staged {
  change: Change;
  records: StoredSession[];
  before: (StoredSession | undefined)[];
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

/** Numbers of the last event of a session that was given one, notified of, and stored. */
interface LastEvent {
  given: number;
  notified: number;
  stored: number;
}

/** A refused record, and what followed it before it was refused. */
interface Followed {
  last: StoredSession;
  refused: StoredSession;
  /** The record before the refused one, perhaps refused as well. */
  replaced: StoredSession;
  /** The last record before that was not refused. */
  before: StoredSession;
}

export class SessionTree extends SessionIndex {
  readonly live = new Map<string, LiveFacts>();
  readonly #parts: Parts;
  readonly #shown = new Map<string, Session>();
  readonly #lastEvents = new Map<string, LastEvent>();
  /** Sessions whose removal is on its way to the store: a later write would bring them back. */
  readonly #removing = new Set<string>();
  /** What refused records replaced: a later change may have followed them. */
  readonly #refused = new WeakMap<StoredSession, { before: StoredSession | undefined }>();
  /** Messages on their way to the store that it may refuse, by session. */
  readonly #undecided = new Map<string, Promise<boolean>>();

  constructor(parts: Parts) {
    super();
    this.#parts = parts;
    for (const record of parts.loaded) {
      this.put(record);
      this.#shown.set(record.session.id, record.session);
    }
  }

  /** As clients see it: stored, with the facts of the live run laid over. Throws 1001. */
  show(sessionId: string): Session {
    return this.#withLiveFacts(this.#shown.get(sessionId) ?? notFound(sessionId));
  }

  /** As `show`, without live facts; undefined while no client was notified of it, or it is gone. */
  peek(sessionId: string): Session | undefined {
    return this.#shown.get(sessionId);
  }

  /** All sessions as `peek` answers with them, the oldest first. */
  shown(): Iterable<Session> {
    return this.#shown.values();
  }

  /** Number of the last event that clients were notified of. */
  lastSeq(sessionId: string): number {
    return this.#lastEvents.get(sessionId)?.notified ?? 0;
  }

  /** The same of those that are stored: what clients may go on from. */
  storedSeq(sessionId: string): number {
    return this.#lastEvents.get(sessionId)?.stored ?? 0;
  }

  /**
   * Stores the changes as a whole, then notifies of them one after the other; answers whether they
   * are stored. Nothing is stored of sessions that are being removed; `refuse` throws 1003 there.
   */
  commit(changes: Change[], options: CommitOptions): Promise<boolean> {
    if (options.ifFailing === "refuse") this.#refuseRemoved(changes);
    const staged = changes.map((change) => this.#stage(change));
    const completion = changes.find((change) => change.completion)?.completion;
    const messages = changes.flatMap((change) => change.messages ?? []);
    const storing = this.#parts.store.write(
      {
        headers: staged.flatMap(({ records }) => records),
        messages,
        ...(completion && { completion }),
        endedRuns: changes.flatMap(({ endedRun }) => endedRun ?? []),
        durability: options.durability ?? "durable",
      },
      {
        ifFailing: options.ifFailing,
        decided: (stored) => {
          if (!stored && options.ifFailing === "refuse") return this.#takeBack(staged);
          options.beforeNotifying?.(stored);
          for (const one of staged) this.#notifyOf(one, stored);
        },
        ...(options.storedLater && { storedLater: options.storedLater }),
      },
    );
    if (options.ifFailing === "refuse") {
      for (const { sessionId } of messages) this.#awaitDecision(sessionId, storing);
    }
    return storing;
  }

  /** As `commit`, for a request that is not answered yet: throws 1006 where the store fails. */
  async commitOrRefuse(changes: Change[]): Promise<void> {
    const isStored = await this.commit(changes, { ifFailing: "refuse" });
    if (!isStored) throw storeUnavailable(this.#parts.store.health);
  }

  /** Resolves when no message of the session is on its way to the store that may be refused. */
  async messagesDecided(sessionId: string): Promise<void> {
    while (this.#undecided.has(sessionId)) await this.#undecided.get(sessionId);
  }

  /** Numbers, stores and emits one event of a run. Rejects where the event has no JSON form. */
  async append(sessionId: string, runId: string, event: AgentEvent): Promise<boolean> {
    const { store, now, notify } = this.#parts;
    const { session } = this.get(sessionId);
    const last = this.#lastEvents.get(sessionId) ?? notFound(sessionId);
    const seq = last.given + 1;
    // Throws when the event has no JSON form; then no number is used up.
    const bounded = boundEvent(event, `${seq}`);
    last.given = seq;
    return await store.write(
      {
        events: [{ sessionId, event: { seq, at: now(), runId, event: bounded.event } }],
        ...(bounded.blobs.length > 0 && {
          blobs: bounded.blobs.flatMap((blob) => blobParts(sessionId, blob)),
        }),
        durability: "lazy",
      },
      {
        ifFailing: "retry",
        decided: (stored) => {
          last.notified = seq;
          if (stored) last.stored = seq;
          notify({
            method: "subAgent/event",
            params: {
              parentSessionId: session.parentId ?? "",
              childSessionId: sessionId,
              runId,
              seq,
              ...(!stored && { stored: false as const }),
              event: bounded.event,
            },
            rootId: session.rootId,
          });
        },
        storedLater: () => {
          last.stored = Math.max(last.stored, seq);
        },
      },
    );
  }

  /**
   * Removes sessions from the store, then from here, and notifies. Rejects where the store cannot
   * take it; those that are not removed by then stay.
   */
  async remove(sessionIds: string[]): Promise<void> {
    for (const id of sessionIds) this.#removing.add(id);
    try {
      await this.#parts.store.deleteSessions(sessionIds, (removed) => this.#forget(removed));
    } finally {
      for (const id of sessionIds) this.#removing.delete(id);
    }
  }

  protected override put(record: StoredSession): void {
    super.put(record);
    const { id, lastSeq } = record.session;
    if (this.#lastEvents.has(id)) return;
    this.#lastEvents.set(id, { given: lastSeq, notified: lastSeq, stored: lastSeq });
  }

  protected override drop(sessionId: string): void {
    super.drop(sessionId);
    this.#shown.delete(sessionId);
    this.#lastEvents.delete(sessionId);
  }

  #withLiveFacts(session: Session): Session {
    const lastSeq = this.#lastEvents.get(session.id)?.stored ?? session.lastSeq;
    if (session.status === "queued") {
      const position = this.#parts.places.position(session.id);
      return { ...session, lastSeq, ...(position !== undefined && { position }) };
    }
    const facts = this.live.get(session.id);
    if (facts === undefined || !("lastHeartbeatAt" in session)) return { ...session, lastSeq };
    return { ...session, lastSeq, ...facts };
  }

  #refuseRemoved(changes: Change[]): void {
    for (const { session } of changes.flatMap(({ records }) => records)) {
      if (!this.#removing.has(session.id)) continue;
      const message = `session ${session.id} is being deleted`;
      throw new OffshootError("invalidState", message, { status: session.status });
    }
  }

  /** Makes the records count for decisions; answers with what they replace. */
  #stage(change: Change): Staged {
    const records = change.records
      .filter(({ session }) => !this.#removing.has(session.id))
      .map((record) => {
        const lastSeq = this.#lastEvents.get(record.session.id)?.given ?? 0;
        return { ...record, session: { ...record.session, lastSeq } };
      });
    const before = records.map(({ session }) => this.find(session.id));
    for (const [place, record] of records.entries()) {
      const { id, rootId, status } = record.session;
      this.put(record);
      const wasQueued = before[place]?.session.status === "queued";
      if (status === "queued" && !wasQueued) this.#parts.places.expect(id, rootId);
    }
    return { change, records, before };
  }

  #notifyOf({ change, records, before }: Staged, stored: boolean): void {
    const { notify } = this.#parts;
    for (const news of change.first ?? []) notify(news);
    for (const [place, { session }] of records.entries()) {
      // Deleted meanwhile: a late change must not bring it back.
      if (this.find(session.id) === undefined) continue;
      const honest = !stored && "stored" in session ? { ...session, stored: false } : session;
      this.#shown.set(session.id, honest);
      if (before[place]?.session.version === session.version) continue;
      const params = { session: this.#withLiveFacts(honest) };
      notify({ method: "session/changed", params, rootId: session.rootId });
    }
    for (const news of change.last?.(stored) ?? []) notify(news);
  }

  /** After a failed commit, a new session is gone again, and a changed one is as it was before. */
  #takeBack(staged: Staged[]): void {
    for (const { records, before } of staged.reverse()) {
      for (const [place, record] of records.entries()) this.#restore(record, before[place]);
    }
  }

  #restore(record: StoredSession, replaced: StoredSession | undefined): void {
    const { id, status } = record.session;
    // What it replaced may have been refused before it.
    const refused = replaced && this.#refused.get(replaced);
    const before = refused === undefined ? replaced : refused.before;
    this.#refused.set(record, { before });
    const last = this.find(id);
    if (last !== record) {
      if (last !== undefined && replaced !== undefined && before !== undefined) {
        this.#undo({ last, refused: record, replaced, before });
      }
    } else if (before === undefined) this.drop(id);
    else this.put(before);
    const isQueued = this.find(id)?.session.status === "queued";
    if (status === "queued" && !isQueued) this.#parts.places.remove(id);
  }

  /** The last record followed the refused one: it loses the state and the counts that came of it. */
  #undo({ last, refused, replaced, before }: Followed): void {
    const messages = refused.session.messageCount - replaced.session.messageCount;
    const spawned = refused.childCount - replaced.childCount;
    const { status, version, title, usage, treeUsage, messageCount } = last.session;
    const isMoved = status === refused.session.status && status !== before.session.status;
    if (messages === 0 && spawned === 0 && !isMoved) return;
    const counted = { version: version + 1, messageCount: messageCount - messages };
    const session = isMoved
      ? { ...before.session, title, usage, treeUsage, ...counted }
      : { ...last.session, ...counted };
    const childCount = last.childCount - spawned;
    const started = isMoved && { started: before.started === true };
    const record = { ...last, session, childCount, ...started };
    void this.commit([{ records: [record] }], { ifFailing: "retry" });
  }

  #awaitDecision(sessionId: string, storing: Promise<boolean>): void {
    this.#undecided.set(sessionId, storing);
    void storing.then(() => {
      if (this.#undecided.get(sessionId) === storing) this.#undecided.delete(sessionId);
    });
  }

  #forget(sessionIds: readonly string[]): void {
    const sessions = sessionIds.flatMap((id) => this.find(id)?.session ?? []);
    for (const { id } of sessions) this.drop(id);
    for (const [rootId, gone] of Map.groupBy(sessions, (session) => session.rootId)) {
      const params = { sessionIds: gone.map(({ id }) => id) };
      this.#parts.notify({ method: "session/removed", params, rootId });
    }
  }
}
