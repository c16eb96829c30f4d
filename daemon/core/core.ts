/**
 * The core: the process that owns the store and the runs. `startCore` takes the lock, opens what
 * open.ts names, and listens; assemble.ts puts the parts behind the wire together.
 */
import type { CoreHandlers } from "../server/call.ts";
import { mkdir } from "node:fs/promises";
import type { Socket } from "node:net";
import { PROTOCOL_VERSION } from "../../protocol/version.ts";
import type { Log } from "../base/log.ts";
import { VERSION } from "../base/version.ts";
import { ClientRequests } from "../server/clientRequests.ts";
import { openConnection } from "../server/connection.ts";
import { createHandlers } from "../server/handlers.ts";
import { ensureToken, listen, type Listener } from "../server/listener.ts";
import { Outbound } from "../server/outbound.ts";
import { createReplays, stoppingFrame } from "../server/replays.ts";
import { serveClient } from "../server/requests.ts";
import { acquireLock, type HeldLock } from "../store/lock.ts";
import { startHousekeeping, startIdleExit } from "./housekeeping.ts";
import { openCore, type CoreOptions, type OpenCore } from "./open.ts";

/** Time that clients have to read what they were sent, when the core stops. */
const mostDrainMs = 1_000;

/** Starts the core of a state folder; `lockHeld` when there is one already. */
export async function startCore(options: CoreOptions): Promise<Core | "lockHeld"> {
  const { folder } = options;
  await mkdir(folder.dir, { recursive: true, mode: 0o700 });
  const lock = await acquireLock(folder.lockFile);
  if (lock === "held") return "lockHeld";
  const opened = await openCore(options);
  const token = await ensureToken(folder.tokenFile);
  const core = new Core(opened, lock);
  await core.serve(token);
  return core;
}

export class Core {
  readonly #opened: OpenCore;
  readonly #lock: HeldLock;
  readonly #handlers: CoreHandlers;
  readonly #sockets = new Set<Socket>();
  readonly #timers: { stop(): void }[];
  readonly #stopped = Promise.withResolvers<void>();
  #listening: Promise<Listener> | undefined;
  #isStopping = false;
  #lastClientId = 0;

  constructor(opened: OpenCore, lock: HeldLock) {
    const { assembly, apiKeys, editorModels, status, configuration, settings, store, log } = opened;
    const { scheduler, retention } = assembly;
    this.#opened = opened;
    this.#lock = lock;
    this.#handlers = createHandlers({
      ...assembly,
      ...{ apiKeys, editorModels },
      status: status.now,
      stop: (runs) => this.stop(runs),
    });
    store.onHealth(() => {
      status.notifyChange();
      scheduler.boundsChanged();
    });
    this.#timers = [
      startIdleExit({
        isIdle: () => this.#sockets.size === 0 && !this.#isBusy,
        idleExitMs: () => settings().idleExitMs,
        exit: () => this.stop("interrupt"),
      }),
      startHousekeeping({
        ...{ configuration, retention, log },
        onTick: () => status.notifyChange(),
        onConfiguration: () => scheduler.boundsChanged(),
      }),
    ];
  }

  get log(): Log {
    return this.#opened.log;
  }

  /** Resolves when the core has stopped in order and released everything. */
  get stopped(): Promise<void> {
    return this.#stopped.promise;
  }

  /** Accepts clients, then starts queued runs. */
  async serve(token: string): Promise<void> {
    const { folder, assembly, recovered, log } = this.#opened;
    this.#listening = listen({
      folder,
      version: VERSION,
      protocolVersion: PROTOCOL_VERSION,
      token,
      isIdle: () => !this.#isBusy,
      onClient: (socket) => this.#serveClient(socket),
      onTakeover: () => this.stop("interrupt"),
      log,
    });
    await this.#listening;
    log.info({ version: VERSION, pid: process.pid, ...recovered }, "the core has started");
    assembly.scheduler.start();
  }

  /** Takes no new work, ends live runs, stores everything. Idempotent. */
  stop(runs: "interrupt" | "cancel"): void {
    if (this.#isStopping) return;
    this.#isStopping = true;
    void this.#stopInOrder(runs);
  }

  get #isBusy(): boolean {
    const { runningCount, suspendedCount, queuedCount } = this.#opened.assembly.scheduler;
    return runningCount + suspendedCount + queuedCount > 0;
  }

  #serveClient(socket: Socket): void {
    const { assembly, store, hub, editorModels, log } = this.#opened;
    this.#sockets.add(socket);
    const replays = createReplays(assembly.engine.tree, store);
    const outbound = new Outbound(socket, replays, (why) =>
      log.warn({ why }, "a client was too slow and is dropped"),
    );
    const clientRequests = new ClientRequests(outbound);
    const connection = openConnection(socket, outbound, log, (answer) =>
      clientRequests.answer(answer),
    );
    socket.on("close", () => {
      this.#sockets.delete(socket);
      clientRequests.close();
    });
    serveClient({
      ...{ connection, outbound, clientRequests, handlers: this.#handlers, hub, editorModels },
      nextClientId: () => (this.#lastClientId += 1),
      onExit: () => socket.end(),
      log,
    });
  }

  async #stopInOrder(runs: "interrupt" | "cancel"): Promise<void> {
    const { assembly, stopHosts, store, log } = this.#opened;
    log.info({ runs }, "the core stops");
    const steps: [step: string, take: () => unknown][] = [
      ["stop the timers", () => this.#timers.forEach((timer) => timer.stop())],
      ["stop the approvals", () => assembly.approvals.stop()],
      ["close the socket", async () => (await this.#listening)?.close()],
      ["end the runs", () => assembly.scheduler.stop(runs)],
      ["end the agents' hosts", stopHosts],
      ["store what waits", () => store.flush()],
      ["end the connections", () => this.#endConnections()],
      ["close the store", () => store.close()],
      ["release the lock", () => this.#lock.release()],
    ];
    for (const [step, take] of steps) {
      try {
        await take();
      } catch (err) {
        log.error({ err, step }, "A step of the stop has failed; the next ones follow.");
      }
    }
    log.info({}, "the core has stopped");
    this.#stopped.resolve();
  }

  async #endConnections(): Promise<void> {
    const clients = [...this.#opened.hub.clients];
    for (const { outbound } of clients) outbound.keep(stoppingFrame);
    await Promise.race([
      Promise.all(clients.map(({ outbound }) => outbound.drained())),
      new Promise((resolve) => setTimeout(resolve, mostDrainMs).unref()),
    ]);
    for (const socket of this.#sockets) socket.destroySoon();
  }
}
