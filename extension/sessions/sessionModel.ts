/**
 * What the extension knows of the sessions: a copy that is kept true by upserts. Pure; the view
 * asks it, the client feeds it.
 */
import type { LiveSession, Session } from "../../protocol/session.ts";
import { isLive } from "../../protocol/states.ts";

/** What a heartbeat tells; without an activity there is none. */
export type LiveFacts = Pick<LiveSession, "lastHeartbeatAt" | "lastProgressAt" | "activity">;

export interface SessionModel {
  readonly size: number;
  get(sessionId: string): Session | undefined;
  /** Roots, or the children of a session, in the order of the work. */
  children(parentId: string | null): Session[];
  /** The session and everything below it, each with its own below it, as a tree is read. */
  subtree(sessionId: string): Session[];
  /** Takes a snapshot: what is not in it is gone. */
  replace(sessions: readonly Session[]): void;
  /** Takes more of them; of those that are known the newer version stays. */
  add(sessions: readonly Session[]): void;
  /** Takes one newer version; answers false for one that is not newer. */
  upsert(session: Session): boolean;
  /** Lays facts over a live session that are too lively to be stored. */
  overlay(sessionId: string, facts: LiveFacts): Session | undefined;
  /** Takes other places in the queue, where the sessions still wait in it. */
  renumber(positions: ReadonlyMap<string, number>): void;
  remove(sessionIds: readonly string[]): void;
  all(): Iterable<Session>;
  /**
   * Called after each change, with the ids of what changed, came or went; without ids, all may
   * have.
   */
  onDidChange(listener: (sessionIds: readonly string[] | undefined) => void): { dispose(): void };
}

interface Siblings {
  ids: Set<string>;
  /** In order; made when it is asked for. */
  sorted: readonly string[] | undefined;
}

export function createSessionModel(): SessionModel {
  const sessions = new Map<string, Session>();
  const siblingsOf = new Map<string | null, Siblings>();
  const listeners = new Set<(sessionIds: readonly string[] | undefined) => void>();

  function tell(sessionIds: readonly string[] | undefined): void {
    for (const listener of listeners) listener(sessionIds);
  }

  function put(session: Session): boolean {
    const known = sessions.get(session.id);
    if (known !== undefined && known.version >= session.version) return false;
    sessions.set(session.id, session);
    if (known !== undefined) return true;
    const siblings = siblingsOf.get(session.parentId) ?? { ids: new Set(), sorted: undefined };
    siblings.ids.add(session.id);
    siblings.sorted = undefined;
    siblingsOf.set(session.parentId, siblings);
    return true;
  }

  function childIds(parentId: string | null): readonly string[] {
    const siblings = siblingsOf.get(parentId);
    if (siblings === undefined) return [];
    // Ids are time-ordered.
    return (siblings.sorted ??= [...siblings.ids].sort());
  }

  const model: SessionModel = {
    get size() {
      return sessions.size;
    },
    get: (sessionId) => sessions.get(sessionId),
    children: (parentId) => childIds(parentId).flatMap((id) => sessions.get(id) ?? []),
    subtree(sessionId) {
      const found: Session[] = [];
      const next = [sessionId];
      for (let id = next.pop(); id !== undefined; id = next.pop()) {
        const session = sessions.get(id);
        if (session !== undefined) found.push(session);
        next.push(...childIds(id).toReversed());
      }
      return found;
    },
    replace(snapshot) {
      sessions.clear();
      siblingsOf.clear();
      for (const session of snapshot) put(session);
      tell(undefined);
    },
    add(more) {
      const taken = more.filter(put);
      if (taken.length > 0) tell(taken.map(({ id }) => id));
    },
    upsert(session) {
      if (!put(session)) return false;
      tell([session.id]);
      return true;
    },
    overlay(sessionId, facts) {
      const known = sessions.get(sessionId);
      if (known === undefined || !isLive(known)) return undefined;
      const { activity: _before, ...kept } = known;
      const next: LiveSession = Object.assign(kept, facts);
      sessions.set(sessionId, next);
      tell([sessionId]);
      return next;
    },
    renumber(positions) {
      const moved = [...positions].filter(([id, position]) => {
        const known = sessions.get(id);
        if (known?.status !== "queued" || known.position === position) return false;
        sessions.set(id, { ...known, position });
        return true;
      });
      if (moved.length > 0) tell(moved.map(([id]) => id));
    },
    remove(sessionIds) {
      const gone = sessionIds.filter((id) => sessions.has(id));
      for (const id of gone) {
        const siblings = siblingsOf.get(sessions.get(id)?.parentId ?? null);
        sessions.delete(id);
        siblings?.ids.delete(id);
        if (siblings !== undefined) siblings.sorted = undefined;
      }
      if (gone.length > 0) tell(gone);
    },
    all: () => sessions.values(),
    onDidChange(listener) {
      listeners.add(listener);
      return { dispose: () => void listeners.delete(listener) };
    },
  };
  return model;
}
