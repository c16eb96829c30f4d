/**
 * Who is next: one queue per root, ordered by priority and age; roots take turns, so that a root
 * with ten thousand waiting runs does not hold up another. Holds ids only; what is queued is
 * stored in the sessions themselves.
 */
import { OffshootError } from "../../protocol/errors.ts";

export interface QueueEntry {
  readonly sessionId: string;
  readonly rootId: string;
  /** Higher runs first. */
  readonly priority: number;
  readonly queuedAt: number;
}

export interface QueueBounds {
  perRoot: number;
  total: number;
}

export interface RunQueue {
  /** Puts an entry in its place. Bounds are checked by `admit`, before anything is stored. */
  add(entry: QueueEntry): void;
  /** Somebody was admitted who is being stored: counts for the bounds until `add` or `remove`. */
  expect(sessionId: string, rootId: string): void;
  remove(sessionId: string): boolean;
  /** Takes the next entry of the next root in turn for which `mayRun` answers true. */
  take(mayRun: (rootId: string) => boolean): QueueEntry | undefined;
  /**
   * Throws 1007 `overloaded` when one more of this root would pass a bound, and 1012 `shuttingDown`
   * once the queue is closed.
   */
  admit(rootId: string, bounds: QueueBounds): void;
  /** Admits nobody any more. */
  close(): void;
  /** Place in the queue of its root, 1 is next; undefined when it is not queued. */
  position(sessionId: string): number | undefined;
  readonly size: number;
}

/** The words that clients of the predecessors know. */
export const notRunning = "spawn scheduler is not running";

/** Clients are told to come back after this long; a guess, since runs have no known length. */
const retryAfterMs = 1000;

export function createQueue(): RunQueue {
  const entries = new Map<string, QueueEntry>();
  // The order of the keys is the order of the turns: the root that was served goes to the end.
  const roots = new Map<string, QueueEntry[]>();
  const expected = new Map<string, string>();
  const expectedOfRoot = new Map<string, number>();
  let isClosed = false;

  function settle(sessionId: string): void {
    const rootId = expected.get(sessionId);
    if (rootId === undefined) return;
    expected.delete(sessionId);
    const left = (expectedOfRoot.get(rootId) ?? 1) - 1;
    if (left === 0) expectedOfRoot.delete(rootId);
    else expectedOfRoot.set(rootId, left);
  }

  return {
    add(entry) {
      settle(entry.sessionId);
      entries.set(entry.sessionId, entry);
      const waiting = roots.get(entry.rootId);
      if (waiting === undefined) roots.set(entry.rootId, [entry]);
      else waiting.splice(placeFor(entry, waiting), 0, entry);
    },

    expect(sessionId, rootId) {
      if (expected.has(sessionId)) return;
      expected.set(sessionId, rootId);
      expectedOfRoot.set(rootId, (expectedOfRoot.get(rootId) ?? 0) + 1);
    },

    remove(sessionId) {
      settle(sessionId);
      const entry = entries.get(sessionId);
      if (entry === undefined) return false;
      entries.delete(sessionId);
      const waiting = roots.get(entry.rootId) ?? [];
      waiting.splice(indexOf(entry, waiting), 1);
      if (waiting.length === 0) roots.delete(entry.rootId);
      return true;
    },

    take(mayRun) {
      for (const [rootId, waiting] of roots) {
        if (!mayRun(rootId)) continue;
        const entry = waiting.shift();
        roots.delete(rootId);
        if (waiting.length > 0) roots.set(rootId, waiting);
        if (entry !== undefined) entries.delete(entry.sessionId);
        return entry;
      }
      return undefined;
    },

    admit(rootId, bounds) {
      if (isClosed) throw new OffshootError("shuttingDown", notRunning, {});
      const ofRoot = (roots.get(rootId)?.length ?? 0) + (expectedOfRoot.get(rootId) ?? 0);
      if (ofRoot >= bounds.perRoot) throw overloaded("of this root", ofRoot, bounds.perRoot);
      const all = entries.size + expected.size;
      if (all >= bounds.total) throw overloaded("", all, bounds.total);
    },

    close() {
      isClosed = true;
    },

    position(sessionId) {
      const entry = entries.get(sessionId);
      if (entry === undefined) return undefined;
      return indexOf(entry, roots.get(entry.rootId) ?? []) + 1;
    },

    get size() {
      return entries.size;
    },
  };
}

function overloaded(whose: string, queued: number, max: number): OffshootError {
  const queue = `the queue ${whose}`.trim();
  return new OffshootError(
    "overloaded",
    `${queue} is full: ${queued} of ${max} runs are waiting; try again when some have started`,
    { queued, max, retryAfterMs },
  );
}

function comesBefore(a: QueueEntry, b: QueueEntry): boolean {
  if (a.priority !== b.priority) return a.priority > b.priority;
  if (a.queuedAt !== b.queuedAt) return a.queuedAt < b.queuedAt;
  // Ids are time-ordered, so this is the order of creation.
  return a.sessionId < b.sessionId;
}

/** The first index whose entry comes after this one, by bisection. */
function placeFor(entry: QueueEntry, waiting: QueueEntry[]): number {
  let low = 0;
  let high = waiting.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    const other = waiting[middle];
    if (other !== undefined && comesBefore(entry, other)) high = middle;
    else low = middle + 1;
  }
  return low;
}

function indexOf(entry: QueueEntry, waiting: QueueEntry[]): number {
  return placeFor(entry, waiting) - 1;
}
