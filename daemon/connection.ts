/**
 * A client's connection: frames in, JSON-RPC between, frames out. vscode-jsonrpc matches requests,
 * answers and cancellations; reading and writing are ours, because its own reader has no bounds
 * and gives no answer to bad JSON, and its own writer waits twice for every message.
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
import { standardErrors } from "../protocol/errors.ts";
import { frame, FrameSplitter } from "./framing.ts";
import type { Log } from "./log.ts";
import type { Outbound } from "./outbound.ts";

export function openConnection(socket: Socket, outbound: Outbound, log: Log): MessageConnection {
  const reader = new FrameReader(socket, outbound, log);
  const writer = new FrameWriter(outbound);
  const logger = {
    error: (message: string) => log.warn({ message }, "a connection had a fault"),
    warn: (message: string) => log.warn({ message }, "a connection had a fault"),
    info: (message: string) => log.debug({ message }, "a connection said"),
    log: (message: string) => log.debug({ message }, "a connection said"),
  };
  const connection = createMessageConnection(reader, writer, logger);
  socket.on("close", () => {
    reader.close();
    // Without this, requests under way would wait for ever.
    connection.dispose();
  });
  return connection;
}

class FrameReader extends AbstractMessageReader {
  readonly #socket: Socket;
  readonly #outbound: Outbound;
  readonly #log: Log;

  constructor(socket: Socket, outbound: Outbound, log: Log) {
    super();
    this.#socket = socket;
    this.#outbound = outbound;
    this.#log = log;
  }

  close(): void {
    this.fireClose();
  }

  listen(callback: DataCallback): Disposable {
    const splitter = new FrameSplitter((body) => this.#read(body, callback));
    const onData = (chunk: Buffer) => {
      try {
        splitter.push(chunk);
      } catch (err) {
        this.#log.warn({ err }, "a client broke the framing; its connection is closed");
        this.#socket.destroy();
      }
      // A client that does not read its answers is not read from either.
      if (this.#outbound.congested) this.#socket.pause();
    };
    this.#socket.on("data", onData);
    this.#socket.on("drain", () => this.#socket.resume());
    this.#socket.resume();
    return { dispose: () => this.#socket.off("data", onData) };
  }

  #read(body: Buffer, callback: DataCallback): void {
    let value: unknown;
    try {
      value = JSON.parse(utf8.decode(body));
    } catch (err) {
      const why = err instanceof Error ? err.message : String(err);
      return this.#refuse(standardErrors.parseError, `the message is not JSON in UTF-8: ${why}`);
    }
    const fault = faultOf(value);
    if (fault === undefined) return callback(value as Message);
    this.#refuse(standardErrors.invalidRequest, fault);
  }

  #refuse(code: number, message: string): void {
    const answer = { jsonrpc: "2.0", id: null, error: { code, message } };
    this.#outbound.answer(frame(JSON.stringify(answer)));
  }
}

const utf8 = new TextDecoder("utf-8", { fatal: true });

/** What is wrong with it as a message of JSON-RPC 2.0; undefined when it is one. */
function faultOf(value: unknown): string | undefined {
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    return "the message is not an object; batches are not part of the base protocol";
  }
  const { jsonrpc, id, method, params } = value as Record<string, unknown>;
  if (jsonrpc !== "2.0") return 'the message does not say "jsonrpc": "2.0"';
  const isIdValid = id === undefined || typeof id === "string" || Number.isInteger(id);
  if (method === undefined) {
    const isAnswer = "result" in value || "error" in value;
    return isAnswer && isIdValid ? undefined : "the message has neither a method nor an answer";
  }
  if (typeof method !== "string") return "the method is not a string";
  if (!isIdValid) return "the id is neither a string nor a whole number";
  if (params !== undefined && (typeof params !== "object" || params === null)) {
    return "the params are neither an object nor an array";
  }
  const isCancel = method === "$/cancelRequest";
  if (isCancel && (params === undefined || !("id" in params))) return "the cancel names no id";
  return undefined;
}

class FrameWriter extends AbstractMessageWriter {
  readonly #outbound: Outbound;

  constructor(outbound: Outbound) {
    super();
    this.#outbound = outbound;
  }

  write(message: Message): Promise<void> {
    this.#outbound.answer(frame(JSON.stringify(message)));
    return Promise.resolve();
  }

  end(): void {
    this.fireClose();
  }
}
