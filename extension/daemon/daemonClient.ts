/**
 * The extension's connection to the daemon. It is made on demand, and again after growing waits when
 * it is lost. When that fails, the client notifies once and waits until a person asks again.
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
import { errorKind, messageOf } from "../base/errors.ts";
import { Listeners } from "../base/listeners.ts";
import { BackOff } from "./backOff.ts";
import type { Connection } from "./connection.ts";

type ClientNotifications = typeof clientNotifications;
type RequestHandler = (params: unknown, token: CancellationToken) => Promise<unknown>;

/** What only asks the daemon. */
export type Caller = Pick<DaemonClient, "call">;

/** `lost`: another attempt follows; `gone`: none follows until `start` or `restart` is called. */
export type ConnectionState =
  | { readonly kind: "idle" | "connecting" | "connected" }
  | { readonly kind: "lost" | "gone"; readonly why: string };

interface Options {
  /** Starts a front. `prepare` must be called before anything can arrive from it. */
  open: (prepare: (client: LanguageClient) => void, options: ClientOptions) => Promise<Connection>;
  isTrusted: () => boolean;
  log: Pick<LogOutputChannel, "error" | "warn" | "debug">;
  /** Milliseconds before each further attempt, and after which a connection counts as stable. */
  waitsMs?: readonly number[];
  stableMs?: number;
}

export class DaemonClient {
  readonly #options: Options;
  readonly #backOff: BackOff;
  readonly #connected = new Listeners();
  readonly #stateChanged = new Listeners<ConnectionState>();
  readonly #spawned = new Listeners<string>();
  readonly #notified = new Map<string, Listeners<never>>();
  readonly #requestHandlers = new Map<string, RequestHandler>();
  #settings: Config | undefined;
  #state: ConnectionState = { kind: "idle" };
  #connection: Connection | undefined;
  #connecting: Promise<void> | undefined;
  /** Aborts the attempts that are under way. */
  #attempts = new AbortController();

  constructor(options: Options) {
    const { waitsMs = [1_000, 2_000, 4_000], stableMs = 5 * 60_000 } = options;
    this.#options = options;
    this.#backOff = new BackOff({ waitsMs, stableMs, now: () => performance.now() });
  }

  /** Called with each new connection, the first one and later ones: subscribe again then. */
  readonly onConnected = this.#connected.add;
  readonly onDidChangeState = this.#stateChanged.add;
  /** Called with the id of each session that this window has spawned. */
  readonly onSpawned = this.#spawned.add;

  get state(): ConnectionState {
    return this.#state;
  }

  /** Waits for a connection that is being made; rejects where there is none. */
  async call<M extends RequestMethod>(
    method: M,
    params: ParamsOf<M>,
    token?: CancellationToken,
  ): Promise<ResultOf<M>> {
    const client = await this.#connectedClient();
    // An undefined token would count as one more param.
    const result: ResultOf<M> = await (token === undefined
      ? client.sendRequest(method, params)
      : client.sendRequest(method, params, token));
    if (method === "session/spawn") {
      this.#spawned.notify((result as ResultOf<"session/spawn">).session.id);
    }
    return result;
  }

  notify<M extends keyof ClientNotifications>(
    method: M,
    params: z.infer<ClientNotifications[M]["params"]>,
  ): void {
    this.#connection?.client
      .sendNotification(method, params)
      .catch((error: unknown) => this.#options.log.warn(`${method}: ${String(error)}`));
  }

  /** Handlers of the same notification are called in the order in which they were added. */
  on<M extends NotificationMethod>(
    method: M,
    handler: (params: NotificationParams<M>) => void,
  ): Disposable {
    const known = this.#notified.get(method);
    if (known === undefined && this.#connection !== undefined) {
      this.#listen(this.#connection.client, method);
    }
    const listeners = known ?? new Listeners<never>();
    this.#notified.set(method, listeners);
    return listeners.add(handler);
  }

  /** Answers a request of the daemon. One handler for each method. */
  onRequest(method: string, handler: RequestHandler): Disposable {
    this.#requestHandlers.set(method, handler);
    this.#connection?.client.onRequest(method, handler);
    return { dispose: () => void this.#requestHandlers.delete(method) };
  }

  /** Sets the settings for what this window spawns from now on, also after a reconnect. */
  configure(settings: Config): void {
    this.#settings = settings;
    this.notify("workspace/didChangeConfiguration", { settings: { offshoot: settings } });
  }

  /** Connects where there is no connection. Rejects after the last attempt. */
  start(): Promise<void> {
    if (this.#connection !== undefined) return Promise.resolve();
    if (this.#connecting !== undefined) return this.#connecting;
    this.#backOff.reset();
    return this.#begin(0);
  }

  /** Ends the connection and makes another one. The core and its runs go on. */
  async restart(): Promise<void> {
    await this.#stop();
    this.#backOff.reset();
    await this.#begin(0);
  }

  async dispose(): Promise<void> {
    await this.#stop();
    this.#enter({ kind: "idle" });
  }

  async #connectedClient(): Promise<LanguageClient> {
    if (this.#connection === undefined) await this.#connecting;
    if (this.#connection !== undefined) return this.#connection.client;
    const why = this.#state.kind === "gone" ? `: ${this.#state.why}` : "";
    throw new Error(`there is no connection to the daemon${why}`);
  }

  #enter(next: ConnectionState): void {
    this.#state = next;
    this.#stateChanged.notify(next);
  }

  #listen(client: LanguageClient, method: string): void {
    client.onNotification(method, (params: unknown) =>
      this.#notified.get(method)?.notify(params as never),
    );
  }

  #begin(afterMs: number): Promise<void> {
    const { signal } = this.#attempts;
    const pause = afterMs > 0 ? delay(afterMs, undefined, { signal }) : Promise.resolve();
    const own = pause
      .then(() => this.#connect(signal))
      .finally(() => {
        if (this.#connecting === own) this.#connecting = undefined;
      });
    this.#connecting = own;
    return own;
  }

  /** Tries until a connection is made; rejects with the reason of the last attempt. */
  async #connect(signal: AbortSignal): Promise<void> {
    for (;;) {
      try {
        this.#enter({ kind: "connecting" });
        const opened = await this.#open();
        if (signal.aborted) {
          await opened.stop();
          signal.throwIfAborted();
        }
        return this.#use(opened);
      } catch (error) {
        signal.throwIfAborted();
        // A core with another version of the protocol would refuse every further attempt.
        const isFinal = errorKind(error) === "versionMismatch";
        const waitMs = this.#fail(
          messageOf(error),
          isFinal ? undefined : this.#backOff.nextWaitMs(),
        );
        if (waitMs === undefined) throw error;
        await delay(waitMs, undefined, { signal });
      }
    }
  }

  #open(): Promise<Connection> {
    const prepare = (client: LanguageClient) => {
      for (const method of this.#notified.keys()) this.#listen(client, method);
      for (const [method, handler] of this.#requestHandlers) client.onRequest(method, handler);
    };
    return this.#options.open(prepare, {
      protocolVersion: 1,
      clientName: "vscode",
      ui: "tree",
      workspaceTrusted: this.#options.isTrusted(),
      ...(this.#settings && { settings: this.#settings }),
    });
  }

  #use(opened: Connection): void {
    this.#connection = opened;
    this.#backOff.connected();
    this.#enter({ kind: "connected" });
    this.#connected.notify();
    void opened.lost.then(() => {
      if (this.#connection !== opened) return;
      this.#connection = undefined;
      const why = "the connection to the daemon has ended";
      const waitMs = this.#fail(why, this.#backOff.nextWaitMs());
      if (waitMs === undefined) return;
      this.#begin(waitMs).catch((error: unknown) => this.#options.log.debug(String(error)));
    });
  }

  #fail(why: string, waitMs: number | undefined): number | undefined {
    const what = waitMs === undefined ? "gave up" : `trying again in ${waitMs} ms`;
    this.#options.log.error(`${what}: ${why}`);
    this.#enter({ kind: waitMs === undefined ? "gone" : "lost", why });
    return waitMs;
  }

  async #stop(): Promise<void> {
    this.#attempts.abort(new Error("the connection was asked to end"));
    this.#attempts = new AbortController();
    this.#connecting = undefined;
    const ending = this.#connection;
    this.#connection = undefined;
    await ending?.stop();
  }
}
