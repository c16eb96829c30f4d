/** The sessions that the extension knows: a copy that the daemon's notifications keep up to date. */
import type { LiveSession, Session } from "../../protocol/session.ts";
import { isLive } from "../../protocol/states.ts";
import { Listeners } from "../base/listeners.ts";

/** What a heartbeat says; without `activity` there is none. */
export type LiveFacts = Pick<LiveSession, "lastHeartbeatAt" | "lastProgressAt" | "activity">;

interface Siblings {
  ids: Set<string>;
  /** Sorted when they are first asked for. */
  sorted: readonly string[] | undefined;
}

export class SessionModel {
  readonly #sessions = new Map<string, Session>();
  readonly #siblings = new Map<string | null, Siblings>();
  readonly #listeners = new Listeners<readonly string[] | undefined>();

  /** Called with the ids that changed, came or went; with undefined when any may have. */
  readonly onDidChange = this.#listeners.add;

  get(sessionId: string): Session | undefined {
    return this.#sessions.get(sessionId);
  }

  all(): Iterable<Session> {
    return this.#sessions.values();
  }

  /** Roots, or the children of a session, oldest first. */
  children(parentId: string | null): Session[] {
    return this.#childIds(parentId).flatMap((id) => this.#sessions.get(id) ?? []);
  }

  /** The session and everything below it, each before its own children. */
  subtree(sessionId: string): Session[] {
    const found: Session[] = [];
    const next = [sessionId];
    for (let id = next.pop(); id !== undefined; id = next.pop()) {
      const session = this.#sessions.get(id);
      if (session !== undefined) found.push(session);
      next.push(...this.#childIds(id).toReversed());
    }
    return found;
  }

  /** The sessions above one, the nearest first. */
  above({ parentId }: Session): Session[] {
    const parent = parentId === null ? undefined : this.get(parentId);
    return parent === undefined ? [] : [parent, ...this.above(parent)];
  }

  /** Takes a snapshot: sessions that are not in it are removed. */
  replace(snapshot: readonly Session[]): void {
    this.#sessions.clear();
    this.#siblings.clear();
    for (const session of snapshot) this.#put(session);
    this.#listeners.notify(undefined);
  }

  /** Takes sessions or newer versions of them; of a known one the newer version stays. */
  add(...more: readonly Session[]): void {
    this.#notify(more.filter((session) => this.#put(session)).map(({ id }) => id));
  }

  /** Adds to a live session what changes too often to be stored. */
  overlay(sessionId: string, facts: LiveFacts): void {
    const known = this.#sessions.get(sessionId);
    if (known === undefined || !isLive(known)) return;
    const { activity: _before, ...kept } = known;
    this.#sessions.set(sessionId, Object.assign(kept, facts));
    this.#notify([sessionId]);
  }

  /** Takes new places in the queue, of sessions that are still queued. */
  renumber(positions: ReadonlyMap<string, number>): void {
    const moved = [...positions].filter(([id, position]) => {
      const known = this.#sessions.get(id);
      if (known?.status !== "queued" || known.position === position) return false;
      this.#sessions.set(id, { ...known, position });
      return true;
    });
    this.#notify(moved.map(([id]) => id));
  }

  remove(sessionIds: readonly string[]): void {
    const removed = sessionIds.filter((id) => this.#sessions.has(id));
    for (const id of removed) {
      const siblings = this.#siblings.get(this.#sessions.get(id)?.parentId ?? null);
      this.#sessions.delete(id);
      siblings?.ids.delete(id);
      if (siblings !== undefined) siblings.sorted = undefined;
    }
    this.#notify(removed);
  }

  #notify(sessionIds: readonly string[]): void {
    if (sessionIds.length > 0) this.#listeners.notify(sessionIds);
  }

  #put(session: Session): boolean {
    const known = this.#sessions.get(session.id);
    if (known !== undefined && known.version >= session.version) return false;
    this.#sessions.set(session.id, session);
    if (known !== undefined) return true;
    const siblings = this.#siblings.get(session.parentId) ?? { ids: new Set(), sorted: undefined };
    siblings.ids.add(session.id);
    siblings.sorted = undefined;
    this.#siblings.set(session.parentId, siblings);
    return true;
  }

  #childIds(parentId: string | null): readonly string[] {
    const siblings = this.#siblings.get(parentId);
    if (siblings === undefined) return [];
    // Ids are ordered by time.
    return (siblings.sorted ??= [...siblings.ids].sort());
  }
}
