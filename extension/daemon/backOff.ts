/** How long to wait before the next attempt to connect. Pure but for the clock that it is given. */

export interface BackOff {
  /** A connection is there. */
  connected(): void;
  /** Milliseconds until the next attempt; undefined when there have been enough of them. */
  nextWaitMs(): number | undefined;
  /** A person asked for it: the attempts begin anew. */
  reset(): void;
}

interface Parts {
  /** Milliseconds, one for each attempt. */
  waitsMs: readonly number[];
  /**
   * A connection that held this long was stable. Only that makes the attempts begin anew, never a
   * connection that came about: something that connects and dies at once must come to an end.
   */
  stableMs: number;
  /** Milliseconds of any clock that never goes back. */
  now: () => number;
}

export function createBackOff({ waitsMs, stableMs, now }: Parts): BackOff {
  let attempts = 0;
  let connectedAt: number | undefined;
  return {
    connected() {
      connectedAt = now();
    },
    nextWaitMs() {
      if (connectedAt !== undefined && now() - connectedAt >= stableMs) attempts = 0;
      connectedAt = undefined;
      attempts += 1;
      return waitsMs[attempts - 1];
    },
    reset() {
      attempts = 0;
      connectedAt = undefined;
    },
  };
}
