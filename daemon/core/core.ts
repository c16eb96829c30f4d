/**
 * The core: the process that owns the store and the runs. `startCore` takes the lock, recovers what
 * an earlier core left, and listens; assemble.ts puts the parts behind the wire together.
 */
import { mkdir, rm } from "node:fs/promises";
import type { Socket } from "node:net";
import { PROTOCOL_VERSION } from "../../protocol/version.ts";
import { systemClock } from "../base/clock.ts";
import { openLog, type Log } from "../base/log.ts";
import type { StateFolder } from "../base/stateFolder.ts";
import { VERSION } from "../base/version.ts";
import { createConfiguration } from "../config/config.ts";
import { settingsOf } from "../config/settings.ts";
import { canAnswer } from "../permissions/approvals.ts";
import { createProcesses } from "../processes/processes.ts";
import { acpRunner } from "../runners/acp/acp.ts";
import { createAgentHosts, type AgentHosts } from "../runners/agentHost/agentHosts.ts";
import { commandRunner } from "../runners/command/command.ts";
import { recoverRuns } from "../runs/recovery.ts";
import { createApiKeys } from "../server/apiKeys.ts";
import { createAsking } from "../server/clientRequests.ts";
import { openConnection } from "../server/connection.ts";
import { createEditorModels } from "../server/editorModels.ts";
import { createHandlers } from "../server/handlers.ts";
import { createHub } from "../server/hub.ts";
import { ensureToken, listen } from "../server/listener.ts";
import { createOutbound } from "../server/outbound.ts";
import { createReplays, stoppingFrame } from "../server/replays.ts";
import { serveClient } from "../server/requests.ts";
import { createStatus } from "../server/status.ts";
import { createEarlierTalk } from "../sessions/history.ts";
import type { SessionTree } from "../sessions/sessionTree.ts";
import { acquireLock } from "../store/lock.ts";
import { openStore } from "../store/openStore.ts";
import { assemble } from "./assemble.ts";
import { endDeadRuns, loadStored } from "./recover.ts";
import { startHousekeeping, startIdleExit } from "./housekeeping.ts";
import { writeSelfCommand } from "./selfCommand.ts";

export interface CoreOptions {
  folder: StateFolder;
  /** Path of the user's configuration file. */
  configFile: string;
  /** What runs inherit the allowed part of. */
  environment: NodeJS.ProcessEnv;
  /** How to call `offshoot` itself, for programs inside a run. */
  selfCommand: readonly string[];
}

export interface Core {
  readonly log: Log;
  /** Resolves when the core has stopped in order and let go of everything. */
  readonly stopped: Promise<void>;
  /** Takes no new work, ends live runs, stores everything. Idempotent. */
  stop(runs: "interrupt" | "cancel"): void;
}

/** Starts the core of a state folder; `lockHeld` when there is one already. */
export async function startCore(options: CoreOptions): Promise<Core | "lockHeld"> {
  const { folder, environment, selfCommand } = options;
  await mkdir(folder.dir, { recursive: true, mode: 0o700 });
  const acquired = await acquireLock(folder.lockFile);
  if (acquired === "held") return "lockHeld";
  const lock = acquired;

  const clock = systemClock;
  const startedAt = clock.now();
  const log = openLog(folder.logFile);
  const configuration = createConfiguration(options.configFile);
  const user = () => configuration.user().config;
  const settings = () => settingsOf(user());
  const processes = createProcesses({ log });
  const hub = createHub();
  const apiKeys = createApiKeys();
  const editorModels = createEditorModels();

  const uri = user().store ?? `sqlite://${folder.storeFile}`;
  const store = await openStore({ uri, log, now: clock.now });
  await rm(folder.runsDir, { recursive: true, force: true });
  const { killAfterMs } = settings().grace;
  await endDeadRuns({ store, processes, stateDir: folder.dir, killAfterMs, log });
  const stored = await loadStored(store, log);

  let hosts: AgentHosts | undefined;
  const runners = (tree: SessionTree) => {
    hosts = createAgentHosts({
      ...createEarlierTalk({ tree, store }),
      ...{ selfCommand, environment, processes, editorModels, log },
      stateDir: folder.dir,
      providers: () => user().providers,
      defaultModel: () => user().defaultModel,
      setup: (sessionId) => tree.find(sessionId)?.setup,
      apiKeys: apiKeys.all,
    });
    return {
      command: commandRunner({ processes, log }),
      acp: acpRunner({ processes, log }),
      model: acpRunner({ processes, log, hosts }),
    };
  };
  const assembly = assemble({
    ...{ folder, store, stored, configuration, settings, environment, selfCommand },
    ...{ processes, runners },
    permissions: () => user().permissions ?? {},
    notify: hub.notify,
    canBeAnswered: () => [...hub.clients].some(canAnswer),
    apiKeys: apiKeys.all,
    editorModels: editorModels.all,
    random: Math.random,
    ...{ clock, log },
  });
  const { engine, scheduler, approvals, approvalRules, retention } = assembly;
  await approvalRules.removeOrphans();
  const recovered = await recoverRuns(engine);
  await writeSelfCommand(folder, selfCommand);

  const { setAside } = stored;
  const status = createStatus({
    ...{ folder, configuration, settings, store, hub, scheduler, setAside, startedAt },
    tree: engine.tree,
    agents: assembly.agents,
  });
  store.onHealth(() => {
    status.notifyChange();
    scheduler.boundsChanged();
  });

  let stopping: Promise<void> | undefined;
  let nextClientId = 0;
  const sockets = new Set<Socket>();
  const stop = (runs: "interrupt" | "cancel") => void (stopping ??= stopInOrder(runs));
  const handlers = createHandlers({
    ...assembly,
    ...{ apiKeys, editorModels, stop },
    status: status.now,
  });

  const isBusy = () =>
    scheduler.runningCount + scheduler.suspendedCount + scheduler.queuedCount > 0;
  const listener = await listen({
    folder,
    version: VERSION,
    protocolVersion: PROTOCOL_VERSION,
    token: await ensureToken(folder.tokenFile),
    isIdle: () => !isBusy(),
    onClient: (socket) => serve(socket),
    onTakeover: () => stop("interrupt"),
    log,
  });

  function serve(socket: Socket): void {
    sockets.add(socket);
    const outbound = createOutbound(socket, createReplays(engine.tree, store), (why) =>
      log.warn({ why }, "a client was too slow and is dropped"),
    );
    const asking = createAsking(outbound);
    const connection = openConnection(socket, outbound, log, asking.heard);
    socket.on("close", () => {
      sockets.delete(socket);
      asking.close();
    });
    serveClient({
      ...{ connection, outbound, asking, handlers, hub, editorModels },
      nextClientId: () => (nextClientId += 1),
      onExit: () => socket.end(),
      log,
    });
  }

  const idleExit = startIdleExit({
    isIdle: () => sockets.size === 0 && !isBusy(),
    idleExitMs: () => settings().idleExitMs,
    exit: () => stop("interrupt"),
  });
  const housekeeping = startHousekeeping({
    ...{ configuration, retention, log },
    looked: () => status.notifyChange(),
    changed: () => scheduler.boundsChanged(),
  });

  const stopped = Promise.withResolvers<void>();

  async function stopInOrder(runs: "interrupt" | "cancel"): Promise<void> {
    log.info({ runs }, "the core stops");
    const steps: [step: string, take: () => unknown][] = [
      ["stop the idle exit", () => idleExit.stop()],
      ["stop the approvals", () => approvals.stop()],
      ["stop the housekeeping", () => housekeeping.stop()],
      ["close the socket", () => listener.close()],
      ["end the runs", () => scheduler.stop(runs)],
      ["end the agents' hosts", () => hosts?.stop()],
      ["store what waits", () => store.flush()],
      ["end the connections", endConnections],
      ["close the store", () => store.close()],
      ["release the lock", () => lock.release()],
    ];
    for (const [step, take] of steps) {
      try {
        await take();
      } catch (err) {
        log.error({ err, step }, "A step of the stop has failed; the next ones follow.");
      }
    }
    log.info({}, "the core has stopped");
    stopped.resolve();
  }

  async function endConnections(): Promise<void> {
    for (const client of hub.clients) client.outbound.keep(stoppingFrame);
    await Promise.race([
      Promise.all([...hub.clients].map(({ outbound }) => outbound.drained())),
      new Promise((resolve) => setTimeout(resolve, 1_000).unref()),
    ]);
    for (const socket of sockets) socket.destroySoon();
  }

  log.info({ version: VERSION, pid: process.pid, ...recovered }, "the core has started");
  scheduler.start();
  return { log, stopped: stopped.promise, stop };
}
