/** The timers of the core: re-reading a changed configuration, pruning, and the idle exit. */
import type { Configuration } from "../config/config.ts";
import type { Log } from "../base/log.ts";
import type { Retention } from "../runs/retention.ts";

interface Parts {
  configuration: Configuration;
  retention: Retention;
  /** Called every second: the health of the core may have changed. */
  onTick: () => void;
  /** Called when the configuration was read again. */
  onConfiguration: () => void;
  log: Log;
}

const checkEveryMs = 1_000;
const pruneEveryMs = 3_600_000;

export function startHousekeeping(parts: Parts): { stop(): void } {
  const { configuration, retention, onTick, onConfiguration, log } = parts;
  let known = configuration.user();

  function check(): void {
    onTick();
    if (configuration.user() === known) return;
    known = configuration.user();
    log.info({ faults: known.faults }, "the configuration was read again");
    onConfiguration();
  }

  function prune(): void {
    const limits = configuration.user().config.retention;
    if (limits === undefined) return;
    retention.prune(limits).catch((err: unknown) => log.error({ err }, "pruning failed"));
  }

  const timers = [setInterval(check, checkEveryMs), setInterval(prune, pruneEveryMs)];
  prune();
  return {
    stop() {
      for (const timer of timers) clearInterval(timer);
    },
  };
}

/** Ends a core that had no client, no live run and an empty queue for `idleExitMs`. */
export function startIdleExit(parts: {
  isIdle: () => boolean;
  idleExitMs: () => number;
  exit: () => void;
}): { stop(): void } {
  let idleSince = performance.now();
  const timer = setInterval(() => {
    if (!parts.isIdle()) idleSince = performance.now();
    else if (performance.now() - idleSince >= parts.idleExitMs()) parts.exit();
  }, 250);
  return { stop: () => clearInterval(timer) };
}
