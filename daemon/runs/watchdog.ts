/**
 * Watches one run: calls for a heartbeat while it lives, and says when it has stalled and when its
 * time is over. That a run is alive and that it makes progress are two facts: a heartbeat shows only
 * the first. The two time-outs do not count while the run is suspended or the machine sleeps.
 */
import type { Clock } from "../base/clock.ts";

export interface WatchdogOptions {
  heartbeatMs: number;
  stalledMs: number;
  checkMs: number;
  totalMs: number;
  idleMs: number;
  /** What the run ran before it was paused. */
  ranBeforeMs: number;
  clock: Clock;
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
  const { clock, totalMs, idleMs, checkMs, stalledMs } = options;
  let { ranBeforeMs } = options;
  let idleBeforeMs = 0;
  let countingFrom: number | undefined = clock.monotonic();
  let idleFrom = countingFrom;
  let stalled = false;
  let cancelCheck = () => {};

  const ranMs = () =>
    ranBeforeMs + (countingFrom === undefined ? 0 : clock.monotonic() - countingFrom);
  const idledMs = () =>
    idleBeforeMs + (countingFrom === undefined ? 0 : clock.monotonic() - idleFrom);

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
    cancelCheck = clock.after(Math.max(1, Math.ceil(next)), look);
  }

  const stopHeartbeat = clock.every(options.heartbeatMs, options.onHeartbeat);
  options.onHeartbeat();
  look();

  return {
    ranMs,
    progress() {
      idleBeforeMs = 0;
      idleFrom = clock.monotonic();
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
      cancelCheck();
    },
    wake() {
      if (countingFrom !== undefined) return;
      countingFrom = clock.monotonic();
      idleFrom = countingFrom;
      look();
    },
    stop() {
      countingFrom = undefined;
      cancelCheck();
      stopHeartbeat();
    },
  };
}
