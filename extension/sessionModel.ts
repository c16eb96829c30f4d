/**
 * What the extension knows of the sessions: a copy that is kept true by upserts. Pure; the view
 * asks it, the client feeds it.
 */
import type { Session } from "../protocol/session.ts";

export interface SessionModel {
  readonly size: number;
  get(sessionId: string): Session | undefined;
  /** Roots, or the children of a session, in the order of the work. */
  children(parentId: string | null): Session[];
  /** Takes a snapshot: what is not in it is gone. */
  replace(sessions: readonly Session[]): void;
  /** Takes one newer version; answers false for one that is not newer. */
  upsert(session: Session): boolean;
  /** Lays facts over a session that are too lively to be stored. */
  overlay(sessionId: string, facts: Partial<Session>): Session | undefined;
  remove(sessionIds: readonly string[]): void;
  all(): Iterable<Session>;
  /** Called after each change, with the ids of what changed; without ids, all may have. */
  onDidChange(listener: (sessionIds: readonly string[] | undefined) => void): { dispose(): void };
}

export function createSessionModel(): SessionModel {
  const sessions = new Map<string, Session>();
  const childIds = new Map<string | null, Set<string>>();
  const listeners = new Set<(sessionIds: readonly string[] | undefined) => void>();

  function tell(sessionIds: readonly string[] | undefined): void {
    for (const listener of listeners) listener(sessionIds);
  }

  function add(session: Session): void {
    sessions.set(session.id, session);
    const siblings = childIds.get(session.parentId) ?? new Set<string>();
    childIds.set(session.parentId, siblings.add(session.id));
  }

  return {
    get size() {
      return sessions.size;
    },
    get: (sessionId) => sessions.get(sessionId),
    children(parentId) {
      const ids = [...(childIds.get(parentId) ?? [])];
      const found = ids.flatMap((id) => sessions.get(id) ?? []);
      // Ids are time-ordered.
      return found.sort((a, b) => (a.id < b.id ? -1 : 1));
    },
    replace(snapshot) {
      sessions.clear();
      childIds.clear();
      for (const session of snapshot) add(session);
      tell(undefined);
    },
    upsert(session) {
      const known = sessions.get(session.id);
      if (known !== undefined && known.version >= session.version) return false;
      add(session);
      tell(known === undefined ? undefined : [session.id]);
      return true;
    },
    overlay(sessionId, facts) {
      const known = sessions.get(sessionId);
      if (known === undefined) return undefined;
      const next = Object.assign({}, known, facts);
      sessions.set(sessionId, next);
      tell([sessionId]);
      return next;
    },
    remove(sessionIds) {
      for (const id of sessionIds) {
        const session = sessions.get(id);
        if (session === undefined) continue;
        sessions.delete(id);
        childIds.get(session.parentId)?.delete(id);
      }
      tell(undefined);
    },
    all: () => sessions.values(),
    onDidChange(listener) {
      listeners.add(listener);
      return { dispose: () => void listeners.delete(listener) };
    },
  };
}
