/**
 * How late the core's event loop is. Measuring wakes the process again and again, so it is done
 * only while somebody wants to know: from one question to the next, when they are not far apart.
 */
import { monitorEventLoopDelay } from "node:perf_hooks";
import type { DaemonStatus } from "../../protocol/daemon.ts";

const resolutionMs = 10;
const keptUpMs = 60_000;

/** Answers with the delays since the last question; nothing to the first one in a minute. */
export function createEventLoopDelay(): () => DaemonStatus["eventLoopDelayMs"] {
  const histogram = monitorEventLoopDelay({ resolution: resolutionMs });
  let isMeasuring = false;
  let stop: NodeJS.Timeout | undefined;

  // The histogram holds how far apart its looks were, which is never less than it wanted.
  const delay = (nanoseconds: number) =>
    Math.max(0, Math.round(nanoseconds / 1e4 - resolutionMs * 100) / 100);

  return () => {
    const measured = {
      p50: delay(histogram.percentile(50)),
      p99: delay(histogram.percentile(99)),
      max: delay(histogram.max),
    };
    const known = isMeasuring && histogram.count > 0;
    histogram.reset();
    histogram.enable();
    isMeasuring = true;
    clearTimeout(stop);
    stop = setTimeout(() => {
      histogram.disable();
      isMeasuring = false;
    }, keptUpMs).unref();
    return known ? measured : undefined;
  };
}
