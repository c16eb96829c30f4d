/**
 * One connection to a front, from start to end. vscode-languageclient starts the bundled front on
 * the editor's own Node. Reconnecting is up to daemonClient.ts.
 */
import { createInterface } from "node:readline";
import { setTimeout as delay } from "node:timers/promises";
import {
  CloseAction,
  ErrorAction,
  LanguageClient,
  RevealOutputChannelOn,
  TransportKind,
  type LanguageClientOptions,
  type ServerOptions,
} from "vscode-languageclient/node";
import type { LogOutputChannel } from "vscode";
import type { ClientOptions } from "../../protocol/daemon.ts";
import { errorKind } from "../base/errors.ts";

export interface Connection {
  readonly client: LanguageClient;
  /** Resolves when the connection has ended without `stop`. */
  readonly lost: Promise<void>;
  stop(): Promise<void>;
}

interface Options {
  front: string;
  /** Arguments besides `--stdio`, such as `--state-dir`. */
  args: readonly string[];
  options: ClientOptions;
  log: LogOutputChannel;
  /** Called before anything can arrive from the daemon: register handlers here. */
  prepare: (client: LanguageClient) => void;
}

/** How long to wait for the last line of a front that has ended. */
const lastLineMs = 100;

/** Rejects with the reason where no connection can be made, and leaves nothing running. */
export async function openConnection(given: Options): Promise<Connection> {
  const { front, log } = given;
  const lost = Promise.withResolvers<void>();
  /** A front that fails writes the reason to stderr; its last answer may be lost. */
  let lastLine = "";
  const run = { module: front, transport: TransportKind.stdio, args: [...given.args] };
  const server: ServerOptions = { run, debug: run };
  const options: LanguageClientOptions = {
    // Offshoot serves no documents, only its own requests.
    documentSelector: [],
    outputChannel: log,
    revealOutputChannelOn: RevealOutputChannelOn.Never,
    initializationOptions: { offshoot: given.options },
    initializationFailedHandler: () => false,
    stdioOptions: {
      // stdout carries the protocol: the library never calls this.
      stdout: () => undefined,
      stderr(input) {
        createInterface({ input, crlfDelay: Infinity }).on("line", (line) => {
          lastLine = line.replace(/^offshoot: /, "");
          log.warn(line);
        });
      },
    },
    errorHandler: {
      error: () => ({ action: ErrorAction.Continue, handled: true }),
      closed() {
        lost.resolve();
        return { action: CloseAction.DoNotRestart, handled: true };
      },
    },
  };
  const client = new QuietClient("offshoot", "Offshoot", server, options);
  given.prepare(client);
  // The library would wait for ever for a front that dies before it has answered `initialize`.
  const died = lost.promise.then(() => Promise.reject(new Error("the front has ended at once")));
  // After the race nobody waits for this promise.
  died.catch(() => undefined);
  try {
    await Promise.race([client.start(), died]);
  } catch (error) {
    await delay(lastLineMs);
    // An error of the daemon's own says more than the last line.
    throw errorKind(error) !== undefined || lastLine === "" ? error : new Error(lastLine);
  }
  return {
    client,
    lost: lost.promise,
    stop: () => client.dispose().catch((error: unknown) => log.debug(String(error))),
  };
}

/** Logs errors without a message to the person: the caller decides what is shown. */
class QuietClient extends LanguageClient {
  override error(message: string, data?: unknown): void {
    super.error(data instanceof Error ? `${message} ${data.message}` : message, undefined, false);
  }
}
