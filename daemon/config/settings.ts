/**
 * The settings that the core works with, and their defaults. Most can be configured; docs and
 * ARCHITECTURE.md say where the defaults come from.
 */
import type { Config } from "../../protocol/config.ts";

export interface Settings {
  concurrency: { total: number; perRoot: number };
  queue: { perRoot: number; total: number };
  maxDepth: number;
  maxChildren: number;
  maxTurns: number;
  heartbeatMs: number;
  stalledMs: number;
  watchdog: { checkMs: number; totalMs: number; idleMs: number };
  grace: { termAfterMs: number; killAfterMs: number };
  approvalTimeoutMs: number;
  idleExitMs: number;
  restarts: { max: number; backoffMs: number; stableMs: number; maxWaitMs: number };
  longestWaitMs: number;
}

export function settingsOf(config: Config): Settings {
  return {
    concurrency: {
      total: config.concurrency?.total ?? 6,
      perRoot: config.concurrency?.perRoot ?? 4,
    },
    queue: {
      perRoot: config.queue?.perRoot ?? 1024,
      total: config.queue?.total ?? 100_000,
    },
    maxDepth: config.limits?.maxDepth ?? 4,
    maxChildren: config.limits?.maxChildren ?? 50,
    maxTurns: config.limits?.maxTurns ?? 200,
    heartbeatMs: config.heartbeatMs ?? 5_000,
    stalledMs: config.stalledMs ?? 300_000,
    watchdog: {
      checkMs: config.watchdog?.checkMs ?? 15_000,
      totalMs: config.watchdog?.totalMs ?? 3_600_000,
      idleMs: config.watchdog?.idleMs ?? 900_000,
    },
    grace: {
      termAfterMs: config.cancel?.termAfterMs ?? 2_000,
      killAfterMs: config.cancel?.killAfterMs ?? 5_000,
    },
    approvalTimeoutMs: config.approvals?.timeoutMs ?? 300_000,
    idleExitMs: config.idleExitMs ?? 600_000,
    restarts: { max: 3, backoffMs: 1_000, stableMs: 300_000, maxWaitMs: 3_600_000 },
    longestWaitMs: 6 * 3_600_000,
  };
}
