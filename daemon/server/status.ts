/** Answers `daemon/status`, and sends `daemon/statusChanged` when the health changes. */
import type { DaemonStatus } from "../../protocol/daemon.ts";
import { PROTOCOL_VERSION } from "../../protocol/version.ts";
import type { Catalogue } from "../profiles/catalogue.ts";
import { faultText, type Configuration } from "../config/config.ts";
import { createEventLoopDelay } from "./eventLoopDelay.ts";
import type { Hub } from "./hub.ts";
import type { Scheduler } from "../runs/scheduler.ts";
import type { SessionTree } from "../sessions/sessionTree.ts";
import type { Settings } from "../config/settings.ts";
import type { StateFolder } from "../base/stateFolder.ts";
import type { Store } from "../store/sessionStore.ts";
import { VERSION } from "../base/version.ts";

export interface Status {
  now(): Promise<DaemonStatus>;
  /** Notifies every client when the health differs from the last notification. */
  notifyChange(): void;
}

interface Parts {
  folder: StateFolder;
  configuration: Configuration;
  agents: Catalogue;
  settings: () => Settings;
  store: Store;
  tree: SessionTree;
  scheduler: Scheduler;
  hub: Hub;
  /** Ids of the stored sessions that could not be used at the start. */
  setAside: readonly string[];
  startedAt: number;
}

export function createStatus(parts: Parts): Status {
  const { folder, configuration, agents, settings, store, tree, scheduler, hub } = parts;
  const { setAside } = parts;

  function health(): Pick<DaemonStatus, "health" | "message"> {
    const faults = [...configuration.user().faults.map(faultText), ...agents.userFaults()];
    if (!store.health.ok) faults.unshift(store.health.cause);
    if (setAside.length > 0) {
      const some = setAside.slice(0, 3).join(", ");
      const which = setAside.length > 3 ? `${some} and others` : some;
      const why = `because their records cannot be used (${which}); see ${folder.logFile}`;
      faults.push(`${setAside.length} stored sessions are set aside ${why}`);
    }
    if (store.setAside !== undefined) {
      faults.push(`the store was damaged: it was moved to ${store.setAside}, this one is new`);
    }
    if (faults.length === 0) return { health: "ok" };
    return { health: "degraded", message: faults.join(" ") };
  }

  const eventLoopDelay = createEventLoopDelay();
  let notified = JSON.stringify(health());

  return {
    notifyChange() {
      const params = health();
      if (JSON.stringify(params) === notified) return;
      notified = JSON.stringify(params);
      hub.notify({ method: "daemon/statusChanged", params });
    },
    async now() {
      const eventLoopDelayMs = eventLoopDelay();
      const { concurrency, queue, maxDepth, maxChildren, heartbeatMs, stalledMs, watchdog } =
        settings();
      return {
        version: VERSION,
        protocolVersion: PROTOCOL_VERSION,
        pid: process.pid,
        startedAt: parts.startedAt,
        stateDir: folder.dir,
        logFile: folder.logFile,
        storeFile: store.file,
        storeBytes: await store.bytes(),
        clients: hub.clients.size,
        queued: scheduler.queuedCount,
        running: scheduler.runningCount,
        suspended: scheduler.suspendedCount,
        sessions: tree.size,
        rssBytes: process.memoryUsage.rss(),
        ...(eventLoopDelayMs && { eventLoopDelayMs }),
        limits: {
          concurrency,
          queue,
          maxDepth,
          maxChildren,
          heartbeatMs,
          stalledMs,
          totalMs: watchdog.totalMs,
          idleMs: watchdog.idleMs,
          idleExitMs: settings().idleExitMs,
        },
        ...health(),
      };
    },
  };
}
