/**
 * The floor: programs in TypeScript that do only what the wire and the operating system need,
 * without checks, store or scheduler.
 *
 *     relay.cjs answer          answers `initialize` on stdio
 *     relay.cjs core SOCKET     answers, floods, and runs programs, for every connection
 *     relay.cjs front SOCKET    passes stdio to that socket and back
 */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { connect, createServer, type Socket } from "node:net";
import { createInterface } from "node:readline";
import { frame, FrameSplitter } from "../../daemon/wire/framing.ts";

interface Request {
  id?: number;
  method: string;
  params: Record<string, never>;
}

interface Flood {
  /** Frames of each client. */
  count: number;
  method: string;
  params: object;
}

interface Programs {
  count: number;
  program: string;
  args: string[];
  parentSessionId: string;
}

/** Frames that are written at once. */
const portion = 64;

const clients = new Set<Socket>();
/** The answer to `session/get`. */
let echoed: unknown = {};

function answer(id: number | undefined, result: unknown): Buffer {
  return frame(JSON.stringify({ jsonrpc: "2.0", id, result }));
}

function notification(method: string, params: unknown): Buffer {
  return frame(JSON.stringify({ jsonrpc: "2.0", method, params }));
}

async function flood({ count, method, params }: Flood): Promise<void> {
  for (let sent = 0; sent < count; sent += portion) {
    const frames: Buffer[] = [];
    for (let one = 0; one < Math.min(portion, count - sent); one += 1) {
      frames.push(notification(method, params));
    }
    const bytes = Buffer.concat(frames);
    for (const socket of clients) if (!socket.write(bytes)) await once(socket, "drain");
  }
}

/** Starts all programs at once and passes on what they print, a frame for each line. */
async function runPrograms({ count, program, args, parentSessionId }: Programs): Promise<void> {
  const all = Array.from({ length: count }, async (_, place) => {
    const child = spawn(program, args, { stdio: ["ignore", "pipe", "pipe"], detached: true });
    const ids = { parentSessionId, childSessionId: `${parentSessionId}${place}`, runId: "run" };
    let seq = 0;
    createInterface(child.stdout).on("line", (text) => {
      const event = { type: "output", stream: "stdout", text: `${text}\n` };
      tell(notification("subAgent/event", { ...ids, seq: (seq += 1), event }));
    });
    await once(child, "close");
    tell(notification("subAgent/completed", { ...ids, status: "completed" }));
  });
  await Promise.all(all);
}

function tell(bytes: Buffer): void {
  for (const socket of clients) socket.write(bytes);
}

async function handle(request: Request): Promise<unknown> {
  switch (request.method) {
    case "initialize":
      return { capabilities: {}, pid: process.pid };
    case "prepare":
      echoed = request.params;
      return {};
    case "session/get":
      return echoed;
    case "flood":
      await flood(request.params as unknown as Flood);
      return {};
    case "run":
      await runPrograms(request.params as unknown as Programs);
      return {};
    default:
      return null;
  }
}

function core(path: string): void {
  createServer((socket) => {
    clients.add(socket);
    let out: Buffer[] = [];
    const write = (bytes: Buffer) => {
      // All answers of one turn of the event loop go in one write, as in the core.
      if (out.length === 0) {
        queueMicrotask(() => {
          socket.write(Buffer.concat(out));
          out = [];
        });
      }
      out.push(bytes);
    };
    const splitter = new FrameSplitter((body) => {
      const request = JSON.parse(body.toString()) as Request;
      if (request.id === undefined) return;
      void handle(request).then((result) => write(answer(request.id, result)));
    });
    socket.on("data", (chunk: Buffer) => splitter.push(chunk));
    socket.on("error", () => undefined).on("close", () => clients.delete(socket));
  }).listen(path);
}

function front(path: string): void {
  const socket = connect(path);
  process.stdin.pipe(socket).pipe(process.stdout);
}

function answerOnly(): void {
  const splitter = new FrameSplitter((body) => {
    const { id } = JSON.parse(body.toString()) as Request;
    process.stdout.write(answer(id, { capabilities: {} }));
  });
  process.stdin.on("data", (chunk: Buffer) => splitter.push(chunk));
}

const [mode, path = ""] = process.argv.slice(2);
if (mode === "core") core(path);
else if (mode === "front") front(path);
else answerOnly();
