/**
 * The queue: one per root, ordered by priority and age. Roots take turns, so that a root with ten
 * thousand waiting runs does not hold up another. The queue holds ids only; that a session is queued
 * is stored in the session.
 */
import { OffshootError } from "../../protocol/errors.ts";
import type { Intake } from "./intake.ts";

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

/** When clients should try again; a guess, since runs have no known length. */
const retryAfterMs = 1000;

export class RunQueue {
  readonly #intake: Intake;
  readonly #entries = new Map<string, QueueEntry>();
  /** The order of the keys is the order of the turns: the root that was served goes to the end. */
  readonly #roots = new Map<string, QueueEntry[]>();
  readonly #expected = new Map<string, string>();
  readonly #expectedOfRoot = new Map<string, number>();
  #onAdded: () => void = () => undefined;

  constructor(intake: Intake) {
    this.#intake = intake;
  }

  get size(): number {
    return this.#entries.size;
  }

  /** Calls `listener` after each `add`. */
  onAdded(listener: () => void): void {
    this.#onAdded = listener;
  }

  /** Puts an entry in its place. Bounds are checked by `admit`, before anything is stored. */
  add(entry: QueueEntry): void {
    this.#settle(entry.sessionId);
    this.#entries.set(entry.sessionId, entry);
    const waiting = this.#roots.get(entry.rootId);
    if (waiting === undefined) this.#roots.set(entry.rootId, [entry]);
    else waiting.splice(placeFor(entry, waiting), 0, entry);
    this.#onAdded();
  }

  /** Counts a session that was admitted and is being stored, until `add` or `remove`. */
  expect(sessionId: string, rootId: string): void {
    if (this.#expected.has(sessionId)) return;
    this.#expected.set(sessionId, rootId);
    this.#expectedOfRoot.set(rootId, (this.#expectedOfRoot.get(rootId) ?? 0) + 1);
  }

  remove(sessionId: string): boolean {
    this.#settle(sessionId);
    const entry = this.#entries.get(sessionId);
    if (entry === undefined) return false;
    this.#entries.delete(sessionId);
    const waiting = this.#roots.get(entry.rootId) ?? [];
    waiting.splice(indexOf(entry, waiting), 1);
    if (waiting.length === 0) this.#roots.delete(entry.rootId);
    return true;
  }

  /** Takes the next entry of the next root in turn for which `mayRun` answers true. */
  take(mayRun: (rootId: string) => boolean): QueueEntry | undefined {
    for (const [rootId, waiting] of this.#roots) {
      if (!mayRun(rootId)) continue;
      const entry = waiting.shift();
      this.#roots.delete(rootId);
      if (waiting.length > 0) this.#roots.set(rootId, waiting);
      if (entry !== undefined) this.#entries.delete(entry.sessionId);
      return entry;
    }
    return undefined;
  }

  /**
   * Throws 1007 `overloaded` when one more of this root would pass a bound, and 1012 `shuttingDown`
   * once the core takes no new work.
   */
  admit(rootId: string, bounds: QueueBounds): void {
    this.#intake.refuseIfClosed();
    const ofRoot = (this.#roots.get(rootId)?.length ?? 0) + (this.#expectedOfRoot.get(rootId) ?? 0);
    if (ofRoot >= bounds.perRoot) throw overloaded("of this root", ofRoot, bounds.perRoot);
    const all = this.#entries.size + this.#expected.size;
    if (all >= bounds.total) throw overloaded("", all, bounds.total);
  }

  /** Place in the queue of its root, 1 is next; undefined when it is not queued. */
  position(sessionId: string): number | undefined {
    const entry = this.#entries.get(sessionId);
    if (entry === undefined) return undefined;
    return indexOf(entry, this.#roots.get(entry.rootId) ?? []) + 1;
  }

  #settle(sessionId: string): void {
    const rootId = this.#expected.get(sessionId);
    if (rootId === undefined) return;
    this.#expected.delete(sessionId);
    const left = (this.#expectedOfRoot.get(rootId) ?? 1) - 1;
    if (left === 0) this.#expectedOfRoot.delete(rootId);
    else this.#expectedOfRoot.set(rootId, left);
  }
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
