/**
 * One connection to a front, from its start to its end. vscode-languageclient starts the bundled
 * front on the editor's own Node. Whether there is another one after it is daemonClient.ts's affair.
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

export interface Connection {
  readonly client: LanguageClient;
  /** Resolves when it has ended without being asked to. */
  readonly lost: Promise<void>;
  /** Ends it; never rejects. */
  stop(): Promise<void>;
}

interface Parts {
  /** Path of the bundle that is the front. */
  front: string;
  /** Arguments besides `--stdio`, such as `--state-dir`. */
  args: readonly string[];
  options: ClientOptions;
  log: LogOutputChannel;
  /** Called before anything can come from the daemon: register handlers here. */
  prepare: (client: LanguageClient) => void;
}

/** How long the last line of a front that has ended may take. */
const lastWordsMs = 100;

/** Rejects with the reason where no connection comes about; nothing of it is left then. */
export async function openConnection(parts: Parts): Promise<Connection> {
  const { front, log } = parts;
  const lost = Promise.withResolvers<void>();
  /** A front that cannot go on says why on its stderr, and its answer may not be read any more. */
  let lastWords = "";
  const run = { module: front, transport: TransportKind.stdio, args: [...parts.args] };
  const server: ServerOptions = { run, debug: run };
  const options: LanguageClientOptions = {
    // Offshoot serves no documents, only its own requests.
    documentSelector: [],
    outputChannel: log,
    revealOutputChannelOn: RevealOutputChannelOn.Never,
    initializationOptions: { offshoot: parts.options },
    initializationFailedHandler: () => false,
    stdioOptions: {
      // The protocol's own; the library does not ask for it where that goes over stdio.
      stdout: () => undefined,
      stderr(input) {
        createInterface({ input, crlfDelay: Infinity }).on("line", (line) => {
          lastWords = line.replace(/^offshoot: /, "");
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
  parts.prepare(client);
  // A front that dies before it has answered `initialize` would leave that open for ever.
  const died = lost.promise.then(() => Promise.reject(new Error("the front has ended at once")));
  // Nobody waits for it after the race.
  died.catch(() => undefined);
  try {
    await Promise.race([client.start(), died]);
  } catch (error) {
    await delay(lastWordsMs);
    throw isRefusal(error) || lastWords === "" ? error : new Error(lastWords);
  }
  return {
    client,
    lost: lost.promise,
    stop: () => client.dispose().catch((error: unknown) => log.debug(String(error))),
  };
}

/** An answer of the daemon that says by its type what is wrong. */
function isRefusal(error: unknown): boolean {
  return typeof (error as { data?: { kind?: unknown } }).data?.kind === "string";
}

/** What goes wrong is said once, by who decides what becomes of it, and not by the library too. */
class QuietClient extends LanguageClient {
  override error(message: string, data?: unknown): void {
    super.error(data instanceof Error ? `${message} ${data.message}` : message, undefined, false);
  }
}
