/**
 * The extension's connection to its front. vscode-languageclient starts the bundled front on the
 * editor's own Node, and starts it again when it dies; this file asks for the truth each time.
 */
import {
  LanguageClient,
  State,
  TransportKind,
  type LanguageClientOptions,
  type ServerOptions,
} from "vscode-languageclient/node";
import { workspace, type Disposable, type LogOutputChannel } from "vscode";
import type {
  NotificationMethod,
  NotificationParams,
  ParamsOf,
  RequestMethod,
  ResultOf,
} from "../protocol/messages.ts";

export interface DaemonClient {
  call<M extends RequestMethod>(method: M, params: ParamsOf<M>): Promise<ResultOf<M>>;
  /** Several may listen to the same notification; they are called in the order of their coming. */
  on<M extends NotificationMethod>(
    method: M,
    handler: (params: NotificationParams<M>) => void,
  ): Disposable;
  /** Called whenever a connection is there, for the first time or again: subscribe anew then. */
  onConnected(handler: () => void): Disposable;
  start(): Promise<void>;
  restart(): Promise<void>;
  dispose(): Promise<void>;
}

interface Parts {
  /** Path of the bundle that is the front. */
  front: string;
  log: LogOutputChannel;
}

export function createDaemonClient({ front, log }: Parts): DaemonClient {
  const run = { module: front, transport: TransportKind.stdio };
  const server: ServerOptions = { run, debug: run };
  const options: LanguageClientOptions = {
    // Offshoot serves no documents, only its own requests.
    documentSelector: [],
    outputChannel: log,
    initializationOptions: () => ({
      offshoot: {
        protocolVersion: 1,
        clientName: "vscode",
        ui: "tree",
        workspaceTrusted: workspace.isTrusted,
      },
    }),
  };
  const client = new LanguageClient("offshoot", "Offshoot", server, options);
  client.onDidChangeState(({ newState }) => {
    if (newState === State.Running) for (const handler of connected) handler();
  });
  const connected = new Set<() => void>();
  const listeners = new Map<string, Set<(params: never) => void>>();

  function listenersOf(method: NotificationMethod): Set<(params: never) => void> {
    const known = listeners.get(method);
    if (known !== undefined) return known;
    const added = new Set<(params: never) => void>();
    listeners.set(method, added);
    // The client knows one handler for each method.
    client.onNotification(method as string, (params: unknown) => {
      for (const handler of added) handler(params as never);
    });
    return added;
  }

  return {
    call: (method, params) => client.sendRequest(method, params),
    on: (method, handler) => kept(listenersOf(method), handler as (params: never) => void),
    onConnected: (handler) => kept(connected, handler),
    start: () => client.start(),
    restart: () => client.restart(),
    dispose: () => client.dispose(),
  };
}

function kept<T>(handlers: Set<T>, handler: T): Disposable {
  handlers.add(handler);
  return { dispose: () => void handlers.delete(handler) };
}
