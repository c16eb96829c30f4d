/** The newest record of every session, found by its id, its place in the tree, its folder or its key. */
import { OffshootError } from "../../protocol/errors.ts";
import type { StoredSession } from "./records.ts";

const none: ReadonlySet<string> = new Set();

export class SessionIndex {
  readonly #records = new Map<string, StoredSession>();
  readonly #children = new Map<string, Set<string>>();
  readonly #roots = new Map<string, Set<string>>();
  readonly #requestKeys = new Map<string, string>();

  get size(): number {
    return this.#records.size;
  }

  /** The newest record, perhaps not stored yet: what decisions are made on. */
  find(sessionId: string): StoredSession | undefined {
    return this.#records.get(sessionId);
  }

  /** As `find`; throws 1001 where there is none. */
  get(sessionId: string): StoredSession {
    return this.#records.get(sessionId) ?? notFound(sessionId);
  }

  /** As `get`; throws 1011 for a root. */
  getChild(sessionId: string): StoredSession {
    const record = this.get(sessionId);
    if (record.session.kind === "child") return record;
    const message = `session ${sessionId} is a root: it belongs to a person or an outside agent and never runs`;
    throw new OffshootError("notAChild", message, { sessionId });
  }

  records(): Iterable<StoredSession> {
    return this.#records.values();
  }

  childrenOf(sessionId: string): ReadonlySet<string> {
    return this.#children.get(sessionId) ?? none;
  }

  /** All descendants, children before their parents. */
  descendantsOf(sessionId: string): string[] {
    // Without recursion: an agent decides how deep the sub-agents are that it announces.
    const found: string[] = [];
    const open = [...this.childrenOf(sessionId)];
    for (let id = open.pop(); id !== undefined; id = open.pop()) {
      found.push(id);
      open.push(...this.childrenOf(id));
    }
    return found.reverse();
  }

  /** From the session itself up to its root; nothing where there is no such session. */
  *upwards(sessionId: string): Generator<StoredSession, void, undefined> {
    let record = this.find(sessionId);
    while (record !== undefined) {
      yield record;
      record = this.find(record.session.parentId ?? "");
    }
  }

  isWithin(sessionId: string, ancestorId: string): boolean {
    return this.upwards(sessionId).some(({ session }) => session.id === ancestorId);
  }

  /** The roots that were made for a folder, the oldest first. */
  rootsOfFolder(cwd: string): StoredSession[] {
    return [...(this.#roots.get(cwd) ?? none)].map((id) => this.get(id));
  }

  ofRequestKey(requestKey: string): StoredSession | undefined {
    return this.find(this.#requestKeys.get(requestKey) ?? "");
  }

  /** Adds a record, or replaces the one of the same session. */
  protected put(record: StoredSession): void {
    const { id, parentId, kind, cwd } = record.session;
    const isNew = !this.#records.has(id);
    this.#records.set(id, record);
    if (!isNew) return;
    if (parentId !== null) addTo(this.#children, parentId, id);
    if (kind === "root") addTo(this.#roots, cwd, id);
    if (record.requestKey !== undefined) this.#requestKeys.set(record.requestKey, id);
  }

  protected drop(sessionId: string): void {
    const record = this.#records.get(sessionId);
    if (record === undefined) return;
    const { parentId, cwd } = record.session;
    this.#records.delete(sessionId);
    this.#children.delete(sessionId);
    if (parentId !== null) removeFrom(this.#children, parentId, sessionId);
    removeFrom(this.#roots, cwd, sessionId);
    if (record.requestKey !== undefined) this.#requestKeys.delete(record.requestKey);
  }
}

function addTo(sets: Map<string, Set<string>>, key: string, id: string): void {
  const set = sets.get(key);
  if (set === undefined) sets.set(key, new Set([id]));
  else set.add(id);
}

function removeFrom(sets: Map<string, Set<string>>, key: string, id: string): void {
  const set = sets.get(key);
  if (set?.delete(id) === true && set.size === 0) sets.delete(key);
}

export function notFound(sessionId: string): never {
  throw new OffshootError("sessionNotFound", `there is no session ${sessionId}`, { sessionId });
}
