/**
 * One connection to the core. Calls, answers and notifications are typed by the method table. Every
 * pending call fails when the connection ends.
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
import { present } from "./present.ts";
import { failureOfAnswer, unreachableFailure, type CommandFailure } from "./failures.ts";

export interface Greeting {
  /** Absolute; also the workspace folder, unless `workspaceFolder` is given. */
  readonly cwd: string;
  /** Absolute: the folder that `trusted` is about. */
  readonly workspaceFolder?: string;
  /** Whether agents of the workspace may run; absent: only the user's own agents may. */
  readonly trusted?: boolean;
  /** Of this process. */
  readonly environment: NodeJS.ProcessEnv;
  /** The run that this program is part of. */
  readonly run?: ClientOptions["run"];
  /** Configuration for what this client spawns. */
  readonly settings?: Config;
}

/** Opens the protocol on a socket that has joined a core; the client is ready for calls. */
export async function openClient(socket: Socket, greeting: Greeting): Promise<Client> {
  const client = new Client(socket);
  await client.open(greeting);
  return client;
}

export class Client {
  readonly #connection: MessageConnection;
  readonly #socket: Socket;
  readonly #handlers = new Map<string, Set<(params: never) => void>>();
  #isOver = false;
  /** Resolves when the connection has ended, whoever ended it. */
  readonly ended: Promise<void>;

  constructor(socket: Socket) {
    this.#socket = socket;
    this.#connection = createMessageConnection(
      new StreamMessageReader(socket),
      new StreamMessageWriter(socket),
    );
    this.ended = new Promise<void>((resolve) => {
      socket.once("close", () => {
        this.#connection.dispose();
        resolve();
      });
    });
    this.#connection.onError(() => socket.destroy());
    this.#connection.onNotification((method, params) => {
      if (method === stoppingMethod) this.#isOver = true;
      for (const handler of this.#handlers.get(method) ?? []) handler(params as never);
    });
  }

  /** No other connection is wanted: this side has closed this one, or the core stops in order. */
  get isOver(): boolean {
    return this.#isOver;
  }

  /** Makes the client ready for calls. */
  async open(greeting: Greeting): Promise<void> {
    this.#connection.listen();
    this.#socket.resume();
    try {
      await this.call("initialize", initializeParams(greeting));
      await this.#connection.sendNotification("initialized", {}).catch(() => {
        throw connectionLost();
      });
    } catch (error) {
      this.#socket.destroy();
      await this.ended;
      throw error;
    }
  }

  /** Rejects with a CommandFailure, also when the connection ends before the answer. */
  async call<M extends RequestMethod>(method: M, params: ParamsOf<M>): Promise<ResultOf<M>> {
    try {
      return await this.#connection.sendRequest(method, params);
    } catch (error) {
      // The core answers every request that it reads; one that cannot be written is lost too.
      const isAnswer = error instanceof ResponseError && !this.#socket.destroyed;
      throw isAnswer ? failureOfAnswer(error.code, error.message, error.data) : connectionLost();
    }
  }

  /** Handlers of a method are called in the order of `on`; the returned function removes one. */
  on<M extends NotificationMethod>(
    method: M,
    handler: (params: NotificationParams<M>) => void,
  ): () => void {
    const ofMethod = this.#handlers.get(method) ?? new Set();
    this.#handlers.set(method, ofMethod.add(handler));
    return () => ofMethod.delete(handler);
  }

  /** Sends `shutdown` and `exit`, and resolves when the connection has ended. Never rejects. */
  async close(): Promise<void> {
    this.#isOver = true;
    try {
      // The answer is not awaited, because a core that hangs never sends it.
      this.#connection.sendRequest("shutdown", null).catch(() => {});
      await this.#connection.sendNotification("exit");
      this.#socket.end();
    } catch {
      // The connection has ended before `exit` was sent: nothing is left to do.
    }
    this.#socket.destroySoon();
    await this.ended;
  }
}

function initializeParams(greeting: Greeting): ParamsOf<"initialize"> {
  const { cwd, workspaceFolder = cwd, trusted, environment, run, settings } = greeting;
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
        environment: allowedPart(environment),
        ...present({ workspaceTrusted: trusted, run, settings }),
      },
    },
  };
}

function connectionLost(): CommandFailure {
  return unreachableFailure(
    "the connection to the core has ended; all that the core has answered is stored, so run the command again",
  );
}
