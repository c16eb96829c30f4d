/**
 * A client's connection: frames in, JSON-RPC between, frames out. vscode-jsonrpc matches requests,
 * answers and cancellations; reading and writing are done here, because its reader has no
 * bounds and does not answer bad JSON, and its writer waits twice for every message.
 */
import type { Socket } from "node:net";
import {
  AbstractMessageReader,
  AbstractMessageWriter,
  createMessageConnection,
  type DataCallback,
  type Disposable,
  type Message,
  type MessageConnection,
} from "vscode-jsonrpc/node";
import { standardErrors } from "../../protocol/errors.ts";
import { frame, FrameSplitter, longestBody } from "../wire/framing.ts";
import { messageOf } from "../base/errors.ts";
import type { Log } from "../base/log.ts";
import type { Outbound } from "./outbound.ts";

/** `onAnswer` is called with the client's answers to requests of the core. */
export function openConnection(
  socket: Socket,
  outbound: Outbound,
  log: Log,
  onAnswer: (answer: { id?: unknown; result?: unknown; error?: unknown }) => void,
): MessageConnection {
  const reader = new FrameReader(socket, outbound, log, onAnswer);
  const writer = new FrameWriter(outbound);
  const logger = {
    error: (message: string) => log.warn({ message }, "a connection had a fault"),
    warn: (message: string) => log.warn({ message }, "a connection had a fault"),
    info: (message: string) => log.debug({ message }, "a connection said"),
    log: (message: string) => log.debug({ message }, "a connection said"),
  };
  const connection = createMessageConnection(reader, writer, logger, {
    messageStrategy: {
      handleMessage(message, next) {
        reader.begun(message);
        return next(message);
      },
    },
  });
  socket.on("close", () => {
    reader.close();
    // Without this, requests under way would wait for ever.
    connection.dispose();
  });
  return connection;
}

/**
 * Gives the connection one message at a time: the next one when it has begun with the last. The
 * connection's own queue knows a request by the text of its id only, and loses one of 1 and "1".
 */
class FrameReader extends AbstractMessageReader {
  readonly #socket: Socket;
  readonly #outbound: Outbound;
  readonly #log: Log;
  readonly #onAnswer: (answer: object) => void;
  readonly #waiting: Message[] = [];
  /** What the connection was given and has not begun with. */
  #given: Message | undefined;
  #give: DataCallback = () => undefined;

  constructor(socket: Socket, outbound: Outbound, log: Log, onAnswer: (answer: object) => void) {
    super();
    this.#onAnswer = onAnswer;
    this.#socket = socket;
    this.#outbound = outbound;
    this.#log = log;
  }

  close(): void {
    this.#waiting.length = 0;
    this.fireClose();
  }

  listen(callback: DataCallback): Disposable {
    this.#give = callback;
    const splitter = new FrameSplitter((body) => this.#read(body));
    const onData = (chunk: Buffer) => {
      try {
        splitter.push(chunk);
      } catch (err) {
        this.#end(err);
      }
      this.#take();
    };
    this.#socket.on("data", onData);
    this.#socket.on("drain", () => this.#take());
    this.#socket.resume();
    return { dispose: () => this.#socket.off("data", onData) };
  }

  begun(message: Message): void {
    if (message !== this.#given) return;
    this.#given = undefined;
    this.#take();
  }

  #take(): void {
    // Requests of a client that does not read its answers wait.
    if (this.#given === undefined && !this.#outbound.congested) {
      this.#takeAnswers();
      this.#given = this.#waiting.shift();
      if (this.#given !== undefined) this.#give(this.#given);
    }
    if (this.#waiting.length > 0) this.#socket.pause();
    else this.#socket.resume();
  }

  /** Answers keep their place: a notification that came before an answer is handled first. */
  #takeAnswers(): void {
    for (let next = this.#waiting[0]; next && !("method" in next); next = this.#waiting[0]) {
      const answer = next;
      this.#waiting.shift();
      queueMicrotask(() => this.#onAnswer(answer));
    }
  }

  #read(body: Buffer): void {
    let value: unknown;
    try {
      value = JSON.parse(utf8.decode(body));
    } catch (err) {
      const why = messageOf(err);
      const message = `the message is not JSON in UTF-8: ${why}`;
      return this.#refuse(null, standardErrors.parseError, message);
    }
    const fault = faultOf(value);
    if (fault !== undefined) {
      return this.#refuse(idOf(value) ?? null, standardErrors.invalidRequest, fault);
    }
    const { id, method, params } = value as { id?: unknown; method?: string; params?: unknown };
    if (method !== "$/cancelRequest" || id !== undefined) {
      this.#waiting.push(value as Message);
      return;
    }
    const cancelled = idOf(params);
    if (cancelled !== undefined && !this.#cancelWaiting(cancelled)) this.#give(value as Message);
  }

  #cancelWaiting(id: string | number): boolean {
    const place = this.#waiting.findIndex((message) => idOf(message) === id);
    if (place < 0) return false;
    this.#waiting.splice(place, 1);
    this.#refuse(id, standardErrors.requestCancelled, "the request was cancelled before it began");
    return true;
  }

  #refuse(id: string | number | null, code: number, message: string): void {
    const answer = { jsonrpc: "2.0", id, error: { code, message } };
    this.#outbound.answer(frame(JSON.stringify(answer)));
  }

  /** The next frame cannot be found in bytes that break the framing. */
  #end(err: unknown): void {
    this.#log.warn({ err }, "a client broke the framing; its connection is closed");
    const why = messageOf(err);
    this.#refuse(null, standardErrors.parseError, `this connection ends: ${why}`);
    this.#socket.destroySoon();
  }
}

const utf8 = new TextDecoder("utf-8", { fatal: true });

/** What is wrong with a message by JSON-RPC 2.0; undefined for a correct one. */
function faultOf(value: unknown): string | undefined {
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    return "the message is not an object; batches are not part of the base protocol";
  }
  const { jsonrpc, id, method, params } = value as Record<string, unknown>;
  if (method === undefined && ("result" in value || "error" in value)) return undefined;
  if (jsonrpc !== "2.0") return 'the message does not say "jsonrpc": "2.0"';
  if (typeof method !== "string") return "the message has no method that is a text";
  if (id !== undefined && idOf(value) === undefined) return "the id is no text and no whole number";
  if (typeof params !== "object" && params !== undefined) {
    return "the params are neither an object nor an array";
  }
  return undefined;
}

/** The id of a request, where it can be answered with: a text, or a number that comes back as it is. */
function idOf(value: unknown): string | number | undefined {
  const { id } = (typeof value === "object" && value !== null ? value : {}) as { id?: unknown };
  return typeof id === "string" || (typeof id === "number" && Number.isSafeInteger(id))
    ? id
    : undefined;
}

/** The error that takes the place of an answer so long that it would end the client's connection. */
function tooLong(message: Message, length: number): Buffer {
  const sentence = `the answer has ${length} bytes, and a message ends at ${longestBody}; ask for less`;
  const error = { code: standardErrors.internalError, message: sentence };
  return frame(JSON.stringify({ jsonrpc: "2.0", id: idOf(message) ?? null, error }));
}

class FrameWriter extends AbstractMessageWriter {
  readonly #outbound: Outbound;

  constructor(outbound: Outbound) {
    super();
    this.#outbound = outbound;
  }

  write(message: Message): Promise<void> {
    const whole = frame(JSON.stringify(message));
    this.#outbound.answer(whole.length > longestBody ? tooLong(message, whole.length) : whole);
    return Promise.resolve();
  }

  end(): void {
    this.fireClose();
  }
}
