/**
 * One connection to the core, typed by the method table: what is called and what is answered, and
 * what is told. Every pending call fails when the connection ends.
 */
import type { Socket } from "node:net";
import { basename } from "node:path";
import { pathToFileURL } from "node:url";
import {
  createMessageConnection,
  ResponseError,
  StreamMessageReader,
  StreamMessageWriter,
  type MessageConnection,
} from "vscode-jsonrpc/node";
import type { Config } from "../../protocol/config.ts";
import type { ClientOptions } from "../../protocol/daemon.ts";
import type {
  NotificationMethod,
  NotificationParams,
  ParamsOf,
  RequestMethod,
  ResultOf,
} from "../../protocol/messages.ts";
import { PROTOCOL_VERSION } from "../../protocol/version.ts";
import { stoppingMethod } from "../wire/handshake.ts";
import { allowedPart } from "../processes/environment.ts";
import { VERSION } from "../base/version.ts";
import { failureOfAnswer, unreachableFailure, type CommandFailure } from "./failures.ts";

export interface Client {
  /** Rejects with a CommandFailure, also when the connection ends before the answer. */
  call<M extends RequestMethod>(method: M, params: ParamsOf<M>): Promise<ResultOf<M>>;
  /** Every handler of a method is called in the order of `on`; the answer takes it off again. */
  on<M extends NotificationMethod>(
    method: M,
    handler: (params: NotificationParams<M>) => void,
  ): () => void;
  /** Resolves when the connection has ended, whoever ended it. */
  readonly ended: Promise<void>;
  /** Nobody wants another connection: this side has said goodbye, or the core stops in order. */
  readonly isOver: boolean;
  /** Says goodbye and resolves when nothing of this client is left. Never rejects. */
  close(): Promise<void>;
}

export interface Greeting {
  /** Absolute; the workspace folder, where no other is named. */
  readonly cwd: string;
  /** Absolute: what trust is given to. */
  readonly workspaceFolder?: string;
  /** Whether what the workspace contributes may run; absent: only the user's own agents. */
  readonly trusted?: boolean;
  /** Of this process. */
  readonly environment: NodeJS.ProcessEnv;
  /** The run that this program is part of. */
  readonly run?: ClientOptions["run"];
  /** Configuration for what this client spawns. */
  readonly settings?: Config;
}

/** Speaks the protocol on a socket that has joined a core: initialized and ready for calls. */
export async function openClient(socket: Socket, greeting: Greeting): Promise<Client> {
  const connection = createMessageConnection(
    new StreamMessageReader(socket),
    new StreamMessageWriter(socket),
  );
  const client = clientOn(connection, socket);
  connection.listen();
  socket.resume();
  try {
    await client.call("initialize", initializeParams(greeting));
    await connection.sendNotification("initialized", {}).catch(() => {
      throw connectionLost();
    });
    return client;
  } catch (error) {
    socket.destroy();
    await client.ended;
    throw error;
  }
}

function initializeParams({
  cwd,
  workspaceFolder = cwd,
  trusted,
  environment,
  run,
  settings,
}: Greeting): ParamsOf<"initialize"> {
  return {
    processId: process.pid,
    clientInfo: { name: "offshoot-cli", version: VERSION },
    workspaceFolders: [
      { uri: pathToFileURL(workspaceFolder).href, name: basename(workspaceFolder) },
    ],
    capabilities: {},
    initializationOptions: {
      offshoot: {
        protocolVersion: PROTOCOL_VERSION,
        clientName: "offshoot-cli",
        ...(trusted !== undefined && { workspaceTrusted: trusted }),
        environment: allowedPart(environment),
        ...(run && { run }),
        ...(settings && { settings }),
      },
    },
  };
}

function clientOn(connection: MessageConnection, socket: Socket): Client {
  const handlers = new Map<string, Set<(params: never) => void>>();
  const ended = new Promise<void>((resolve) => {
    socket.once("close", () => {
      connection.dispose();
      resolve();
    });
  });
  connection.onError(() => socket.destroy());
  let isOver = false;
  connection.onNotification((method, params) => {
    if (method === stoppingMethod) isOver = true;
    for (const handler of handlers.get(method) ?? []) handler(params as never);
  });

  return {
    ended,
    get isOver() {
      return isOver;
    },
    async call<M extends RequestMethod>(method: M, params: ParamsOf<M>): Promise<ResultOf<M>> {
      try {
        return await connection.sendRequest(method, params);
      } catch (error) {
        // The core answers whatever it takes; that a request cannot be written says as much.
        throw error instanceof ResponseError && !socket.destroyed
          ? failureOf(error)
          : connectionLost();
      }
    },
    on(method, handler) {
      const ofMethod = handlers.get(method) ?? new Set();
      handlers.set(method, ofMethod.add(handler));
      return () => ofMethod.delete(handler);
    },
    async close() {
      isOver = true;
      try {
        // Nobody needs the answer, and a core that hangs would never give it.
        connection.sendRequest("shutdown", null).catch(() => {});
        await connection.sendNotification("exit");
        socket.end();
      } catch {
        // The connection has ended before its goodbye; there is nothing left to say.
      }
      socket.destroySoon();
      await ended;
    },
  };
}

function failureOf({ code, message, data }: ResponseError<unknown>): CommandFailure {
  return failureOfAnswer(code, message, data);
}

function connectionLost(): CommandFailure {
  return unreachableFailure(
    "the connection to the core has ended; what was answered is stored, so run the command again",
  );
}
