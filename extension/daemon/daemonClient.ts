/**
 * The extension's way to the daemon. It connects when it is asked to, and again, with growing
 * waits, when a connection is lost; when that does not help it says so once and waits for a person.
 */
import { setTimeout as delay } from "node:timers/promises";
import type { CancellationToken, Disposable, LogOutputChannel } from "vscode";
import type { LanguageClient } from "vscode-languageclient/node";
import type * as z from "zod";
import type { Config } from "../../protocol/config.ts";
import type { ClientOptions } from "../../protocol/daemon.ts";
import type {
  clientNotifications,
  NotificationMethod,
  NotificationParams,
  ParamsOf,
  RequestMethod,
  ResultOf,
} from "../../protocol/messages.ts";
import { createBackOff } from "./backOff.ts";
import type { Connection } from "./connection.ts";

type ClientNotifications = typeof clientNotifications;

/** `lost`: another attempt follows; `gone`: none does, until `start` or `restart` is called. */
export type ConnectionState =
  | { readonly kind: "idle" | "connecting" | "connected" }
  | { readonly kind: "lost" | "gone"; readonly why: string };

export interface DaemonClient {
  readonly state: ConnectionState;
  /** Waits for a connection that is on its way; rejects where there is none. */
  call<M extends RequestMethod>(
    method: M,
    params: ParamsOf<M>,
    token?: CancellationToken,
  ): Promise<ResultOf<M>>;
  /** Tells the daemon something, if it is there. */
  notify<M extends keyof ClientNotifications>(
    method: M,
    params: z.infer<ClientNotifications[M]["params"]>,
  ): void;
  /** Several may listen to the same notification; they are called in the order of their coming. */
  on<M extends NotificationMethod>(
    method: M,
    handler: (params: NotificationParams<M>) => void,
  ): Disposable;
  /** Answers a request of the daemon. One handler for each method. */
  onRequest(
    method: string,
    handler: (params: unknown, token: CancellationToken) => Promise<unknown>,
  ): Disposable;
  /** Called whenever a connection is there, for the first time or again: subscribe anew then. */
  onConnected(handler: () => void): Disposable;
  onDidChangeState(handler: (state: ConnectionState) => void): Disposable;
  /** Called with the answer to every spawn of this window. */
  onSpawned(handler: (sessionId: string) => void): Disposable;
  /** The settings for what this window spawns from now on, now and after every reconnect. */
  configure(settings: Config): void;
  /** Connects, where there is no connection yet. Rejects when the daemon is gone for good. */
  start(): Promise<void>;
  /** Ends the connection and makes another one. The core and its runs go on. */
  restart(): Promise<void>;
  dispose(): Promise<void>;
}

interface Parts {
  /** Asked at each start of a front: what may have changed since. */
  open: (prepare: (client: LanguageClient) => void, options: ClientOptions) => Promise<Connection>;
  isTrusted: () => boolean;
  log: Pick<LogOutputChannel, "error" | "warn" | "debug">;
  /** Milliseconds before each further attempt, and after which a connection counts as stable. */
  waitsMs?: readonly number[];
  stableMs?: number;
}

export function createDaemonClient(parts: Parts): DaemonClient {
  const { open, isTrusted, log, waitsMs = [1_000, 2_000, 4_000], stableMs = 5 * 60_000 } = parts;
  const backOff = createBackOff({ waitsMs, stableMs, now: () => performance.now() });
  const connected = new Set<() => void>();
  const stateHandlers = new Set<(state: ConnectionState) => void>();
  const spawned = new Set<(sessionId: string) => void>();
  const listeners = new Map<string, Set<(params: never) => void>>();
  const answerers = new Map<string, Parameters<DaemonClient["onRequest"]>[1]>();
  let settings: Config | undefined;
  let state: ConnectionState = { kind: "idle" };
  let connection: Connection | undefined;
  let connecting: Promise<void> | undefined;
  /** Ends the attempts that are under way. */
  let attempts = new AbortController();

  function enter(next: ConnectionState): void {
    state = next;
    for (const handler of stateHandlers) handler(next);
  }

  function listen(client: LanguageClient, method: string): void {
    client.onNotification(method, (params: unknown) => {
      for (const handler of listeners.get(method) ?? []) handler(params as never);
    });
  }

  function prepare(client: LanguageClient): void {
    for (const method of listeners.keys()) listen(client, method);
    for (const [method, handler] of answerers) client.onRequest(method, handler);
  }

  /** One attempt after the other; rejects with the last reason when there have been enough. */
  async function connect(signal: AbortSignal): Promise<void> {
    for (;;) {
      try {
        enter({ kind: "connecting" });
        const opened = await open(prepare, {
          protocolVersion: 1,
          clientName: "vscode",
          ui: "tree",
          workspaceTrusted: isTrusted(),
          ...(settings && { settings }),
        });
        if (signal.aborted) {
          await opened.stop();
          signal.throwIfAborted();
        }
        return take(opened);
      } catch (error) {
        signal.throwIfAborted();
        const why = error instanceof Error ? error.message : String(error);
        const waitMs = isFinal(error) ? undefined : backOff.nextWaitMs();
        log.error(
          waitMs === undefined ? `gave up: ${why}` : `trying again in ${waitMs} ms: ${why}`,
        );
        enter({ kind: waitMs === undefined ? "gone" : "lost", why });
        if (waitMs === undefined) throw error;
        await delay(waitMs, undefined, { signal });
      }
    }
  }

  function take(opened: Connection): void {
    connection = opened;
    backOff.connected();
    enter({ kind: "connected" });
    for (const handler of connected) handler();
    void opened.lost.then(async () => {
      if (connection !== opened) return;
      connection = undefined;
      const why = "the connection to the daemon has ended";
      const waitMs = backOff.nextWaitMs();
      log.error(waitMs === undefined ? `gave up: ${why}` : `trying again in ${waitMs} ms: ${why}`);
      enter({ kind: waitMs === undefined ? "gone" : "lost", why });
      if (waitMs === undefined) return;
      begin(waitMs).catch((error: unknown) => log.debug(String(error)));
    });
  }

  function begin(afterMs: number): Promise<void> {
    const { signal } = attempts;
    const pause = afterMs > 0 ? delay(afterMs, undefined, { signal }) : Promise.resolve();
    const own = pause
      .then(() => connect(signal))
      .finally(() => {
        if (connecting === own) connecting = undefined;
      });
    connecting = own;
    return own;
  }

  function start(): Promise<void> {
    if (connection !== undefined) return Promise.resolve();
    if (connecting !== undefined) return connecting;
    backOff.reset();
    return begin(0);
  }

  async function stop(): Promise<void> {
    attempts.abort(new Error("the connection was asked to end"));
    attempts = new AbortController();
    connecting = undefined;
    const ending = connection;
    connection = undefined;
    await ending?.stop();
  }

  const notify: DaemonClient["notify"] = (method, params) => {
    connection?.client
      .sendNotification(method, params)
      .catch((error: unknown) => log.warn(`${method}: ${String(error)}`));
  };

  async function connectedClient(): Promise<LanguageClient> {
    if (connection === undefined) await connecting;
    if (connection !== undefined) return connection.client;
    const why = state.kind === "gone" ? `: ${state.why}` : "";
    throw new Error(`there is no connection to the daemon${why}`);
  }

  return {
    get state() {
      return state;
    },
    async call(method, params, token) {
      const client = await connectedClient();
      // An absent token would count as one more param.
      const result: ResultOf<typeof method> = await (token === undefined
        ? client.sendRequest(method, params)
        : client.sendRequest(method, params, token));
      if (method === "session/spawn") {
        const { session } = result as ResultOf<"session/spawn">;
        for (const handler of spawned) handler(session.id);
      }
      return result;
    },
    notify,
    on(method, handler) {
      const known = listeners.get(method);
      if (known === undefined && connection !== undefined) listen(connection.client, method);
      const handlers = known ?? new Set();
      listeners.set(method, handlers);
      return kept(handlers, handler as (params: never) => void);
    },
    onRequest(method, handler) {
      answerers.set(method, handler);
      connection?.client.onRequest(method, handler);
      return { dispose: () => void answerers.delete(method) };
    },
    onConnected: (handler) => kept(connected, handler),
    onDidChangeState: (handler) => kept(stateHandlers, handler),
    onSpawned: (handler) => kept(spawned, handler),
    configure(changed) {
      settings = changed;
      notify("workspace/didChangeConfiguration", { settings: { offshoot: changed } });
    },
    start,
    async restart() {
      await stop();
      backOff.reset();
      await begin(0);
    },
    async dispose() {
      await stop();
      enter({ kind: "idle" });
    },
  };
}

/** Another attempt would end the same: the core speaks another version of the protocol. */
function isFinal(error: unknown): boolean {
  const { data } = error as { data?: { kind?: unknown } };
  return data?.kind === "versionMismatch";
}

function kept<T>(handlers: Set<T>, handler: T): Disposable {
  handlers.add(handler);
  return { dispose: () => void handlers.delete(handler) };
}
