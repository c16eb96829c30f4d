/**
 * A client that speaks bytes: over the stdio of a real front, or over the socket of the core with a
 * handshake of its own. It can send what no library would send, and it can stop reading.
 */
import { spawn } from "node:child_process";
import { readFileSync } from "node:fs";
import { connect } from "node:net";
import { join } from "node:path";
import type { Duplex, Readable, Writable } from "node:stream";
import { frame, FrameSplitter } from "../../daemon/wire/framing.ts";
import { readLine } from "../../daemon/wire/handshake.ts";
import { PROTOCOL_VERSION } from "../../protocol/version.ts";
import { repository } from "./repository.ts";
import type { TestDaemon } from "./daemon.ts";
import { waitFor } from "./waitFor.ts";

/** Any message of the wire, before anything in it was checked. */
export interface WireMessage {
  id?: number | string | null;
  method?: string;
  // oxlint-disable-next-line typescript/no-explicit-any -- tests look at whatever has come
  params?: any;
  // oxlint-disable-next-line typescript/no-explicit-any
  result?: any;
  // oxlint-disable-next-line typescript/no-explicit-any
  error?: { code: number; message: string; data?: any };
}

export interface RawClient {
  /** Everything that has come, in order. */
  readonly received: WireMessage[];
  readonly notifications: () => WireMessage[];
  readonly of: (method: string) => WireMessage["params"][];
  readonly stderr: () => string;
  /** Bytes as they are. */
  write(bytes: Buffer | string): void;
  /** A frame around any JSON value. */
  send(value: unknown): void;
  notify(method: string, params?: unknown): void;
  /** Sends a request and resolves with its whole answer. */
  ask(method: string, params?: unknown, id?: number | string): Promise<WireMessage>;
  /** As `ask`, for requests that must succeed: resolves with the result. */
  call(method: string, params?: unknown): Promise<WireMessage["result"]>;
  /** The answer with this id, perhaps one that has come already. */
  answer(id: number | string | null): Promise<WireMessage>;
  /** `initialize` with Offshoot's own options, and `initialized`. */
  open(options?: object, params?: object): Promise<WireMessage>;
  /** Reads nothing more, so that everything behind it has to wait. */
  stopReading(): void;
  readOn(): void;
  /** The front's exit code, or null when the connection of a socket has closed. */
  readonly ended: Promise<number | null>;
  /** Ends it without a word and waits until it is gone. */
  destroy(): Promise<void>;
}

/** A front of its own on the daemon's state folder. */
export function rawFront(daemon: TestDaemon): RawClient {
  const main = join(repository, "daemon", "main.ts");
  const child = spawn(process.execPath, [main, "--stdio"], {
    env: daemon.environment,
    stdio: "pipe",
  });
  let stderr = "";
  child.stderr.setEncoding("utf8").on("data", (text: string) => (stderr += text));
  const ended = new Promise<number | null>((resolve) => child.once("close", resolve));
  return rawClient({
    input: child.stdin,
    output: child.stdout,
    stderr: () => stderr,
    ended,
    end: () => child.kill("SIGKILL"),
  });
}

/** A connection to the core that runs, without a front in between. */
export async function rawSocket(daemon: TestDaemon): Promise<RawClient> {
  const socket = connect(join(daemon.folder, "core.sock"));
  const token = readFileSync(join(daemon.folder, "token"), "utf8");
  const hello = {
    token,
    version: "0.0.0-test",
    protocolVersion: PROTOCOL_VERSION,
    pid: process.pid,
  };
  const ended = new Promise<null>((resolve) => socket.once("close", () => resolve(null)));
  socket.on("error", () => undefined);
  socket.write(`${JSON.stringify(hello)}\n`);
  await readLine(socket, 10_000);
  socket.write('{"action":"join"}\n');
  return rawClient({
    input: socket,
    output: socket,
    stderr: () => "",
    ended,
    end: () => socket.destroy(),
  });
}

interface Ends {
  input: Writable;
  output: Readable | Duplex;
  stderr: () => string;
  ended: Promise<number | null>;
  end: () => void;
}

function rawClient({ input, output, stderr, ended, end }: Ends): RawClient {
  const received: WireMessage[] = [];
  const waiting = new Map<unknown, (message: WireMessage) => void>();
  const splitter = new FrameSplitter((body) => {
    const message = JSON.parse(body.toString()) as WireMessage;
    received.push(message);
    if (message.method === undefined) waiting.get(message.id)?.(message);
  });
  output.on("data", (chunk: Buffer) => splitter.push(chunk));
  output.resume();
  // Who has ended does not read any more.
  input.on("error", () => undefined);
  let lastId = 0;

  const client: RawClient = {
    received,
    notifications: () => received.filter(({ method }) => method !== undefined),
    of: (method) => received.flatMap((one) => (one.method === method ? [one.params] : [])),
    stderr,
    write: (bytes) => void input.write(bytes),
    send: (value) => void input.write(frame(JSON.stringify(value))),
    notify: (method, params) => client.send({ jsonrpc: "2.0", method, params }),
    ask(method, params, id = (lastId += 1)) {
      const answered = new Promise<WireMessage>((resolve) => waiting.set(id, resolve));
      client.send({ jsonrpc: "2.0", id, method, params });
      return answered;
    },
    async call(method, params) {
      const { result, error } = await client.ask(method, params);
      if (error !== undefined) throw new Error(`${method}: ${JSON.stringify(error)}`);
      return result;
    },
    answer: (id) =>
      waitFor(
        () => received.find((one) => one.id === id && one.method === undefined),
        `the answer ${JSON.stringify(id)}`,
        { describe: () => received },
      ),
    async open(options = {}, params = {}) {
      const answer = await client.ask("initialize", {
        processId: process.pid,
        capabilities: {},
        initializationOptions: { offshoot: { clientName: "raw", ...options } },
        ...params,
      });
      client.notify("initialized", {});
      return answer;
    },
    stopReading: () => void output.pause(),
    readOn: () => void output.resume(),
    ended,
    async destroy() {
      end();
      await ended;
    },
  };
  return client;
}
