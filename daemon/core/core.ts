/**
 * The core: the process that owns the store and the runs. This is the composition root, the only
 * place where the parts are put together; read it to see what there is.
 */
import { mkdir, rm } from "node:fs/promises";
import type { Socket } from "node:net";
import { PROTOCOL_VERSION } from "../../protocol/version.ts";
import { createAdoption } from "../runs/adoptedChildren.ts";
import { createAgents } from "../profiles/catalogue.ts";
import { createAgentServices } from "../runs/runServices.ts";
import { createApiKeys } from "../server/apiKeys.ts";
import { createApprovalRules } from "../permissions/standingRules.ts";
import { canAnswer, createApprovals, endOldApprovals } from "../permissions/approvals.ts";
import { createAsking } from "../server/clientRequests.ts";
import { createAttempts, type Attempts } from "../runs/attempt.ts";
import { createCompletions } from "../runs/completions.ts";
import { createConfiguration } from "../config/config.ts";
import { createEarlierTalk } from "../sessions/history.ts";
import { openConnection } from "../server/connection.ts";
import { createEditorModels } from "../server/editorModels.ts";
import { createFolders } from "../base/folders.ts";
import { createHandlers } from "../server/handlers.ts";
import { createHub } from "../server/hub.ts";
import { startHousekeeping } from "./housekeeping.ts";
import { startIdleExit } from "./idleExit.ts";
import { ensureToken, listen } from "../server/listener.ts";
import { openLog, type Log } from "../base/log.ts";
import { createOutbound } from "../server/outbound.ts";
import { createQueue } from "../runs/queue.ts";
import { endDeadRuns, loadSound, recoverRuns } from "../runs/recovery.ts";
import { createReplays, stoppingFrame } from "../server/replays.ts";
import { createRetention } from "../runs/retention.ts";
import { acpRunner } from "../runners/acp/acp.ts";
import { createAgentHosts } from "../runners/agentHost/agentHosts.ts";
import { removeAgentSessions } from "../runners/agentHost/sessionFiles.ts";
import { commandRunner } from "../runners/command/command.ts";
import { createProcesses } from "../processes/processes.ts";
import { createScheduler, type Scheduler } from "../runs/scheduler.ts";
import { serveClient } from "../server/requests.ts";
import { createSessionEnvironments } from "../runs/environments.ts";
import { createSessionTree } from "../sessions/sessionTree.ts";
import { writeSelfCommand } from "./selfCommand.ts";
import { settingsOf } from "../config/settings.ts";
import { createSpawning } from "../runs/spawn.ts";
import type { StateFolder } from "../base/stateFolder.ts";
import { createStatus, type Status } from "../server/status.ts";
import { acquireLock } from "../store/lock.ts";
import { openStore } from "../store/openStore.ts";
import { VERSION } from "../base/version.ts";

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
  const { folder, environment } = options;
  await mkdir(folder.dir, { recursive: true, mode: 0o700 });
  const acquired = await acquireLock(folder.lockFile);
  if (acquired === "held") return "lockHeld";
  const lock = acquired;

  const startedAt = Date.now();
  const now = () => Date.now();
  const log = openLog(folder.logFile);
  const configuration = createConfiguration(options.configFile);
  const settings = () => settingsOf(configuration.user().config);
  const processes = createProcesses({ log });
  const hub = createHub();
  const apiKeys = createApiKeys();
  const editorModels = createEditorModels();

  let scheduler: Scheduler | undefined = undefined;
  let status: Status | undefined = undefined;

  const store = await openStore({
    uri: configuration.user().config.store ?? `sqlite://${folder.storeFile}`,
    log,
    now,
    onHealth: () => {
      status?.tellChange();
      scheduler?.pump();
    },
  });
  await rm(folder.runsDir, { recursive: true, force: true });
  await endDeadRuns({
    store,
    processes,
    stateDir: folder.dir,
    killAfterMs: settings().grace.killAfterMs,
    log,
  });
  const { sessions, rules, setAside } = await loadSound(store, log);

  const queue = createQueue();
  const tree = createSessionTree({ store, places: queue, now, tell: hub.tell, loaded: sessions });
  const environments = createSessionEnvironments({ tree, own: environment });
  const completions = createCompletions({
    tree,
    now,
    last: await store.lastCompletionSeq(),
    ended: (session, fresh) => scheduler?.ended(session, fresh),
  });
  const hosts = createAgentHosts({
    ...createEarlierTalk({ tree, store }),
    selfCommand: options.selfCommand,
    environment,
    stateDir: folder.dir,
    processes,
    providers: () => configuration.user().config.providers,
    defaultModel: () => configuration.user().config.defaultModel,
    setup: (sessionId) => tree.find(sessionId)?.setup,
    apiKeys: apiKeys.all,
    editorModels,
    log,
  });
  const runners = {
    command: commandRunner({ processes, log }),
    acp: acpRunner({ processes, log }),
    model: acpRunner({ processes, log, hosts }),
  };
  const approvalRules = createApprovalRules({
    tree,
    store,
    tell: hub.tell,
    now,
    loaded: rules,
  });
  await approvalRules.removeOrphans();
  const approvals = createApprovals({
    tree,
    store,
    rules: approvalRules,
    tell: hub.tell,
    now,
    timeoutMs: () => settings().approvalTimeoutMs,
    canBeAnswered: () => [...hub.clients].some(canAnswer),
    before: await endOldApprovals(store),
  });
  const agents = createAgents({
    configuration,
    environment,
    runners: Object.keys(runners),
    apiKeys: apiKeys.all,
    editorModels: editorModels.all,
    find: tree.find,
    onFault: (fault) => log.warn({ fault }, "a file of an agent cannot be used"),
  });
  const adoption = createAdoption({
    tree,
    completions: () => completions,
    countUsage: (run, more, sessionId) => attempts.countUsage(run, more, sessionId),
    now,
  });
  const attempts: Attempts = createAttempts({
    tree,
    store,
    processes,
    runners,
    settings,
    folder,
    environmentOf: environments.of,
    services: createAgentServices({
      tree,
      approvals,
      rules: approvalRules,
      adoption,
      folder,
      selfCommand: options.selfCommand,
      permissions: () => configuration.user().config.permissions ?? {},
      materialFor: agents.materialFor,
      emit: (run, event) => attempts.emit(run, event),
      askingChanged: async (run) => await scheduler?.askingChanged(run),
      now,
    }),
    endAdopted: (run) => adoption.endAll(run),
    now,
    log,
  });
  const started = createScheduler({
    tree,
    store,
    queue,
    attempts,
    agents,
    environments,
    completions: () => completions,
    settings,
    tell: hub.tell,
    now,
    monotonicMs: () => performance.now(),
    random: Math.random,
    log,
  });
  scheduler = started;
  const spawning = createSpawning({
    tree,
    store,
    queue,
    scheduler: started,
    agents,
    folders: createFolders(),
    settings,
    environments,
    isStopping: () => stopping !== undefined,
    now,
  });
  const retention = createRetention({
    tree,
    store,
    scheduler: started,
    approvalRules,
    environments,
    removeFiles: (records) => removeAgentSessions(folder.dir, records),
    now,
  });

  status = createStatus({
    folder,
    configuration,
    agents,
    settings,
    store,
    tree,
    scheduler: started,
    hub,
    setAside,
    startedAt,
  });

  const recovered = await recoverRuns(tree, completions, (record) => started.add(record), now);
  await started.goOnCancelling();
  await writeSelfCommand(folder, options.selfCommand);

  let stopping: Promise<void> | undefined;
  let nextClientId = 0;
  const sockets = new Set<Socket>();
  const stop = (runs: "interrupt" | "cancel") => void (stopping ??= stopInOrder(runs));
  const handlers = createHandlers({
    tree,
    store,
    scheduler: started,
    completions,
    spawning,
    agents,
    approvals,
    approvalRules,
    retention,
    apiKeys,
    editorModels,
    status: status.now,
    now,
    stop,
  });

  const isBusy = () => started.runningCount + started.suspendedCount + started.queuedCount > 0;
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
    const outbound = createOutbound(socket, createReplays(tree, store), (why) =>
      log.warn({ why }, "a client was too slow and is dropped"),
    );
    const asking = createAsking(outbound);
    const connection = openConnection(socket, outbound, log, asking.heard);
    socket.on("close", () => {
      sockets.delete(socket);
      asking.close();
    });
    serveClient({
      connection,
      outbound,
      asking,
      handlers,
      hub,
      editorModels,
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
    configuration,
    retention,
    looked: () => status?.tellChange(),
    changed: () => started.pump(),
    log,
  });

  const stopped = Promise.withResolvers<void>();

  async function stopInOrder(runs: "interrupt" | "cancel"): Promise<void> {
    log.info({ runs }, "the core stops");
    const steps: [step: string, take: () => unknown][] = [
      ["stop the idle exit", () => idleExit.stop()],
      ["stop the approvals", () => approvals.stop()],
      ["stop the housekeeping", () => housekeeping.stop()],
      ["close the socket", () => listener.close()],
      ["end the runs", () => started.stop(runs)],
      ["end the agents' hosts", () => hosts.stop()],
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
  started.pump();
  return { log, stopped: stopped.promise, stop };
}
