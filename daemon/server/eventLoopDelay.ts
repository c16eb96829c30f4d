/**
 * How late the event loop of the core is. Measuring keeps waking the process, so the core measures
 * only between two requests for its status that come within a minute.
 */
import { monitorEventLoopDelay } from "node:perf_hooks";
import type { DaemonStatus } from "../../protocol/daemon.ts";

const resolutionMs = 10;
const keptUpMs = 60_000;

/** Answers with the delays since the last call; with nothing to the first call in a minute. */
export function createEventLoopDelay(): () => DaemonStatus["eventLoopDelayMs"] {
  const histogram = monitorEventLoopDelay({ resolution: resolutionMs });
  let isMeasuring = false;
  let stop: NodeJS.Timeout | undefined;

  // The histogram holds the time between two samples, which is never below the resolution.
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
