/**
 * Slots: how many runs there are at the same time, in all and per root. A run has one from before
 * its first process until after its last; a run that waits for its children has none.
 */
export interface SlotHolder {
  readonly rootId: string;
}

export interface Slots {
  isFree(rootId: string): boolean;
  take(holder: SlotHolder): void;
  /** Idempotent: what is held is given back, what is waited for is no longer wanted. */
  release(holder: SlotHolder): void;
  /** Waits for a slot, before everything that is queued. False when the signal came first. */
  acquire(holder: SlotHolder, signal: AbortSignal): Promise<boolean>;
  /** Gives free slots to those who wait in `acquire`. */
  wakeWaiting(): void;
}

export function createSlots(bounds: () => { total: number; perRoot: number }): Slots {
  const holders = new Set<SlotHolder>();
  const ofRoot = new Map<string, number>();
  const waiting = new Map<SlotHolder, (acquired: boolean) => void>();

  const slots: Slots = {
    isFree(rootId) {
      const { total, perRoot } = bounds();
      return holders.size < total && (ofRoot.get(rootId) ?? 0) < perRoot;
    },
    take(holder) {
      if (holders.has(holder)) return;
      holders.add(holder);
      ofRoot.set(holder.rootId, (ofRoot.get(holder.rootId) ?? 0) + 1);
    },
    release(holder) {
      waiting.get(holder)?.(false);
      waiting.delete(holder);
      if (!holders.delete(holder)) return;
      const left = (ofRoot.get(holder.rootId) ?? 1) - 1;
      if (left === 0) ofRoot.delete(holder.rootId);
      else ofRoot.set(holder.rootId, left);
    },
    async acquire(holder, signal) {
      if (signal.aborted) return false;
      if (holders.has(holder)) return true;
      return await new Promise<boolean>((resolve) => {
        const stop = () => {
          waiting.delete(holder);
          resolve(false);
        };
        waiting.set(holder, (acquired) => {
          signal.removeEventListener("abort", stop);
          resolve(acquired);
        });
        signal.addEventListener("abort", stop, { once: true });
        slots.wakeWaiting();
      });
    },
    wakeWaiting() {
      for (const [holder, resolve] of waiting) {
        if (!slots.isFree(holder.rootId)) continue;
        slots.take(holder);
        waiting.delete(holder);
        resolve(true);
      }
    },
  };
  return slots;
}
