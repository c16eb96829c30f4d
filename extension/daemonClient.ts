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
import { workspace, type LogOutputChannel } from "vscode";
import type {
  NotificationMethod,
  NotificationParams,
  ParamsOf,
  RequestMethod,
  ResultOf,
} from "../protocol/messages.ts";

export interface DaemonClient {
  call<M extends RequestMethod>(method: M, params: ParamsOf<M>): Promise<ResultOf<M>>;
  on<M extends NotificationMethod>(method: M, handler: (p: NotificationParams<M>) => void): void;
  start(): Promise<void>;
  restart(): Promise<void>;
  dispose(): Promise<void>;
}

interface Parts {
  /** Path of the bundle that is the front. */
  front: string;
  log: LogOutputChannel;
  /** A connection is there, for the first time or again. */
  connected: () => void;
}

export function createDaemonClient({ front, log, connected }: Parts): DaemonClient {
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
    if (newState === State.Running) connected();
  });

  return {
    call: (method, params) => client.sendRequest(method, params),
    on: (method, handler) => void client.onNotification(method, handler),
    start: () => client.start(),
    restart: () => client.restart(),
    dispose: () => client.dispose(),
  };
}
