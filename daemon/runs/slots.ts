/**
 * Slots: how many runs there are at the same time, in all and per root. A run has one from before
 * its first process until after its last; a run that waits for children or for a retry has none.
 */
export interface SlotHolder {
  readonly rootId: string;
}

export class Slots {
  readonly #bounds: () => { total: number; perRoot: number };
  readonly #holders = new Set<SlotHolder>();
  readonly #ofRoot = new Map<string, number>();
  readonly #waiting = new Map<SlotHolder, PromiseWithResolvers<boolean>>();
  #onFreed: () => void = () => undefined;

  constructor(bounds: () => { total: number; perRoot: number }) {
    this.#bounds = bounds;
  }

  /** Calls `listener` after each slot that was given back. */
  onFreed(listener: () => void): void {
    this.#onFreed = listener;
  }

  isFree(rootId: string): boolean {
    const { total, perRoot } = this.#bounds();
    return this.#holders.size < total && (this.#ofRoot.get(rootId) ?? 0) < perRoot;
  }

  /** Takes a slot, also where none is free: ask `isFree` first, where the bound has to hold. */
  take(holder: SlotHolder): void {
    if (this.#holders.has(holder)) return;
    this.#holders.add(holder);
    this.#ofRoot.set(holder.rootId, (this.#ofRoot.get(holder.rootId) ?? 0) + 1);
    this.#settle(holder, true);
  }

  /** Idempotent: what is held is given back, what is waited for is no longer wanted. */
  release(holder: SlotHolder): void {
    this.#settle(holder, false);
    if (!this.#holders.delete(holder)) return;
    const left = (this.#ofRoot.get(holder.rootId) ?? 1) - 1;
    if (left === 0) this.#ofRoot.delete(holder.rootId);
    else this.#ofRoot.set(holder.rootId, left);
    this.#onFreed();
  }

  /**
   * Waits for a slot, before everything that is queued. False when the signal came first, or a
   * release. Who asks again while it waits gets the same answer.
   */
  async acquire(holder: SlotHolder, signal: AbortSignal): Promise<boolean> {
    if (signal.aborted) return false;
    if (this.#holders.has(holder)) return true;
    const wait = this.#waiting.get(holder) ?? Promise.withResolvers<boolean>();
    this.#waiting.set(holder, wait);
    const stop = () => this.#settle(holder, false);
    signal.addEventListener("abort", stop, { once: true });
    this.wakeWaiting();
    try {
      return await wait.promise;
    } finally {
      signal.removeEventListener("abort", stop);
    }
  }

  /** Gives free slots to those who wait in `acquire`. */
  wakeWaiting(): void {
    for (const holder of this.#waiting.keys()) {
      if (this.isFree(holder.rootId)) this.take(holder);
    }
  }

  /** Ends the wait of a holder, if it waits. */
  #settle(holder: SlotHolder, acquired: boolean): void {
    this.#waiting.get(holder)?.resolve(acquired);
    this.#waiting.delete(holder);
  }
}
