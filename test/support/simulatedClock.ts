/** A clock that stands still until a test advances it: nothing depends on how fast a machine is. */
import type { Clock } from "../../daemon/base/clock.ts";

export interface SimulatedClock extends Clock {
  /** Calls what falls due meanwhile, in its order; awaits `settle` after each call. */
  advance(ms: number, settle: () => Promise<unknown>): Promise<void>;
}

interface Timer {
  dueAt: number;
  call: () => void;
  /** Absent: it calls once. */
  everyMs?: number;
}

/** `startsAt` in epoch milliseconds. */
export function simulatedClock(startsAt: number): SimulatedClock {
  let now = startsAt;
  const timers = new Set<Timer>();

  function add(timer: Timer): () => void {
    timers.add(timer);
    return () => void timers.delete(timer);
  }

  /** Of several that are due at once, the one that was set first. */
  function nextUntil(end: number): Timer | undefined {
    let next: Timer | undefined;
    for (const timer of timers) {
      if (timer.dueAt <= end && timer.dueAt < (next?.dueAt ?? Number.POSITIVE_INFINITY)) {
        next = timer;
      }
    }
    return next;
  }

  return {
    now: () => now,
    monotonic: () => now - startsAt,
    after: (ms, call) => add({ dueAt: now + Math.max(ms, 0), call }),
    every: (ms, call) => add({ dueAt: now + ms, call, everyMs: ms }),
    async advance(ms, settle) {
      const end = now + ms;
      for (let timer = nextUntil(end); timer !== undefined; timer = nextUntil(end)) {
        now = Math.max(now, timer.dueAt);
        timers.delete(timer);
        // Set again before it calls, so that the call can take it back.
        if (timer.everyMs !== undefined) {
          timer.dueAt = now + timer.everyMs;
          timers.add(timer);
        }
        timer.call();
        await settle();
      }
      now = end;
    },
  };
}
