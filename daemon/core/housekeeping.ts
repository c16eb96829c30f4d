/** What the core does by itself: looks whether the configuration changed, and prunes what is too old. */
import type { Configuration } from "../config/config.ts";
import type { Log } from "../base/log.ts";
import type { Retention } from "../runs/retention.ts";

interface Parts {
  configuration: Configuration;
  retention: Retention;
  /** Called every second: what people see of the core's health may be another now. */
  looked: () => void;
  /** The configuration was read again. */
  changed: () => void;
  log: Log;
}

const lookEveryMs = 1_000;
const pruneEveryMs = 3_600_000;

export function startHousekeeping(parts: Parts): { stop(): void } {
  const { configuration, retention, looked, changed, log } = parts;
  let known = configuration.user();

  function look(): void {
    looked();
    if (configuration.user() === known) return;
    known = configuration.user();
    log.info({ faults: known.faults }, "the configuration was read again");
    changed();
  }

  function prune(): void {
    const limits = configuration.user().config.retention;
    if (limits === undefined) return;
    retention.prune(limits).catch((err: unknown) => log.error({ err }, "pruning failed"));
  }

  const timers = [setInterval(look, lookEveryMs), setInterval(prune, pruneEveryMs)];
  prune();
  return {
    stop() {
      for (const timer of timers) clearInterval(timer);
    },
  };
}

/** Ends a core that nobody needs: no client, no live run, nothing queued, for `idleExitMs`. */
export function startIdleExit(parts: {
  isIdle: () => boolean;
  idleExitMs: () => number;
  exit: () => void;
}): { stop(): void } {
  let idleSince = performance.now();
  const look = setInterval(() => {
    if (!parts.isIdle()) idleSince = performance.now();
    else if (performance.now() - idleSince >= parts.idleExitMs()) parts.exit();
  }, 250);
  return { stop: () => clearInterval(look) };
}
