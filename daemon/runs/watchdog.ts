/**
 * Watches one run: beats while it lives, says when it has stalled, and when its time is over.
 * Alive and getting on are two facts: a heartbeat shows only the first. The clocks of the two
 * time-outs stand still while the run is suspended, and use a clock that a sleeping laptop stops.
 */

export interface WatchdogOptions {
  heartbeatMs: number;
  stalledMs: number;
  checkMs: number;
  totalMs: number;
  idleMs: number;
  /** What the run ran before it was paused. */
  ranBeforeMs: number;
  /** Milliseconds of a clock that only goes forward. */
  monotonicMs: () => number;
  onHeartbeat: () => void;
  onStalled: (stalled: "stalled" | "moving") => void;
  onTimeout: (which: "totalTimeout" | "idleTimeout", afterMs: number, maxMs: number) => void;
}

export interface Watchdog {
  /** A real event happened. */
  progress(): void;
  suspend(): void;
  wake(): void;
  /** Time that counts for the run so far. */
  ranMs(): number;
  stop(): void;
}

/** Starts at once, with the first heartbeat. */
export function startWatchdog(options: WatchdogOptions): Watchdog {
  const { monotonicMs, totalMs, idleMs, checkMs, stalledMs } = options;
  let { ranBeforeMs } = options;
  let idleBeforeMs = 0;
  let countingFrom: number | undefined = monotonicMs();
  let idleFrom = countingFrom;
  let stalled = false;
  let check: NodeJS.Timeout | undefined;

  const ranMs = () => ranBeforeMs + (countingFrom === undefined ? 0 : monotonicMs() - countingFrom);
  const idledMs = () => idleBeforeMs + (countingFrom === undefined ? 0 : monotonicMs() - idleFrom);

  function look(): void {
    if (countingFrom === undefined) return;
    const ran = ranMs();
    const idled = idledMs();
    if (ran >= totalMs) return options.onTimeout("totalTimeout", ran, totalMs);
    if (idled >= idleMs) return options.onTimeout("idleTimeout", idled, idleMs);
    if (!stalled && idled >= stalledMs) {
      stalled = true;
      options.onStalled("stalled");
    }
    const untilStalled = stalled ? checkMs : stalledMs - idled;
    const next = Math.min(checkMs, totalMs - ran, idleMs - idled, untilStalled);
    // Timers may fire a little early; a millisecond more saves a second look.
    check = setTimeout(look, Math.max(1, Math.ceil(next)));
  }

  const heartbeat = setInterval(options.onHeartbeat, options.heartbeatMs);
  options.onHeartbeat();
  look();

  return {
    ranMs,
    progress() {
      idleBeforeMs = 0;
      idleFrom = monotonicMs();
      if (!stalled) return;
      stalled = false;
      options.onStalled("moving");
    },
    suspend() {
      if (countingFrom === undefined) return;
      ranBeforeMs = ranMs();
      idleBeforeMs = idledMs();
      countingFrom = undefined;
      stalled = false;
      clearTimeout(check);
    },
    wake() {
      if (countingFrom !== undefined) return;
      countingFrom = monotonicMs();
      idleFrom = countingFrom;
      look();
    },
    stop() {
      countingFrom = undefined;
      clearTimeout(check);
      clearInterval(heartbeat);
    },
  };
}
