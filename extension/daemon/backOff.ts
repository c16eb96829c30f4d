/** How long to wait before the next attempt to connect. */

interface Options {
  /** Milliseconds before each attempt; after the last one there is no further attempt. */
  waitsMs: readonly number[];
  /**
   * A connection that held this long was stable, and the attempts are counted from the start again.
   * A connection that ends before does not reset the count: otherwise a program that connects and
   * dies at once would be started for ever.
   */
  stableMs: number;
  /** Milliseconds of a clock that never goes back. */
  now: () => number;
}

export class BackOff {
  readonly #options: Options;
  #attempts = 0;
  #connectedAt: number | undefined;

  constructor(options: Options) {
    this.#options = options;
  }

  connected(): void {
    this.#connectedAt = this.#options.now();
  }

  /** Milliseconds until the next attempt; undefined after the last one. */
  nextWaitMs(): number | undefined {
    const { waitsMs, stableMs, now } = this.#options;
    if (this.#connectedAt !== undefined && now() - this.#connectedAt >= stableMs) this.reset();
    this.#connectedAt = undefined;
    this.#attempts += 1;
    return waitsMs[this.#attempts - 1];
  }

  /** A person asked for a connection: counts the attempts from the start. */
  reset(): void {
    this.#attempts = 0;
    this.#connectedAt = undefined;
  }
}
