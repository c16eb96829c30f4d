/**
 * Slots: how many runs there are at the same time, in all and per root. A run has one from before
 * its first process until after its last; a run that waits for its children has none.
 */
export interface SlotHolder {
  readonly rootId: string;
}

export interface Slots {
  isFree(rootId: string): boolean;
  /** Takes a slot, also where none is free: ask `isFree` first, where the bound has to hold. */
  take(holder: SlotHolder): void;
  /** Idempotent: what is held is given back, what is waited for is no longer wanted. */
  release(holder: SlotHolder): void;
  /**
   * Waits for a slot, before everything that is queued. False when the signal came first, or a
   * release. Who asks again while it waits gets the same answer.
   */
  acquire(holder: SlotHolder, signal: AbortSignal): Promise<boolean>;
  /** Gives free slots to those who wait in `acquire`. */
  wakeWaiting(): void;
}

export function createSlots(bounds: () => { total: number; perRoot: number }): Slots {
  const holders = new Set<SlotHolder>();
  const ofRoot = new Map<string, number>();
  const waiting = new Map<SlotHolder, PromiseWithResolvers<boolean>>();

  /** Ends the wait of a holder, if it waits. */
  function settle(holder: SlotHolder, acquired: boolean): void {
    waiting.get(holder)?.resolve(acquired);
    waiting.delete(holder);
  }

  const slots: Slots = {
    isFree(rootId) {
      const { total, perRoot } = bounds();
      return holders.size < total && (ofRoot.get(rootId) ?? 0) < perRoot;
    },
    take(holder) {
      if (holders.has(holder)) return;
      holders.add(holder);
      ofRoot.set(holder.rootId, (ofRoot.get(holder.rootId) ?? 0) + 1);
      settle(holder, true);
    },
    release(holder) {
      settle(holder, false);
      if (!holders.delete(holder)) return;
      const left = (ofRoot.get(holder.rootId) ?? 1) - 1;
      if (left === 0) ofRoot.delete(holder.rootId);
      else ofRoot.set(holder.rootId, left);
    },
    async acquire(holder, signal) {
      if (signal.aborted) return false;
      if (holders.has(holder)) return true;
      const wait = waiting.get(holder) ?? Promise.withResolvers<boolean>();
      waiting.set(holder, wait);
      const stop = () => settle(holder, false);
      signal.addEventListener("abort", stop, { once: true });
      slots.wakeWaiting();
      try {
        return await wait.promise;
      } finally {
        signal.removeEventListener("abort", stop);
      }
    },
    wakeWaiting() {
      for (const holder of waiting.keys()) {
        if (slots.isFree(holder.rootId)) slots.take(holder);
      }
    },
  };
  return slots;
}
