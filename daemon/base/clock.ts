/** Time, as a parameter: tests put a clock of their own in its place. */

export interface Clock {
  /** Epoch milliseconds. */
  now(): number;
  /** Milliseconds of a clock that only goes forward. */
  monotonic(): number;
  /** Calls once after `ms`. The answer takes the call back; calling the answer again does nothing. */
  after(ms: number, call: () => void): () => void;
  /** Calls every `ms` until the answer is called. */
  every(ms: number, call: () => void): () => void;
}

/** The longest that a timer of Node can wait; a longer one would call at once. */
const longestMs = 2 ** 31 - 1;

export const systemClock: Clock = {
  now: () => Date.now(),
  monotonic: () => performance.now(),
  after(ms, call) {
    const timer = setTimeout(call, Math.min(ms, longestMs));
    return () => clearTimeout(timer);
  },
  every(ms, call) {
    const timer = setInterval(call, Math.min(ms, longestMs));
    return () => clearInterval(timer);
  },
};

/** Resolves after `ms`, or when the signal is aborted. */
export function sleep(clock: Clock, ms: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal?.aborted === true) return resolve();
    const end = () => {
      cancel();
      signal?.removeEventListener("abort", end);
      resolve();
    };
    const cancel = clock.after(ms, end);
    signal?.addEventListener("abort", end, { once: true });
  });
}
