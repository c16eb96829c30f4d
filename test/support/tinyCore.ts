/**
 * A core of a few lines behind the real socket, the real lock and the real frames, and a front that
 * starts it: `node tinyCore.ts core|front --state-dir DIR`. Its store is a file of JSON lines, so that
 * it survives `kill -9`. TINY_VERSION, TINY_PROTOCOL, TINY_BUSY and TINY_FAULT change what it is.
 */
import { appendFileSync, existsSync, readFileSync } from "node:fs";
import type { Socket } from "node:net";
import { once } from "node:events";
import { join } from "node:path";
import { frame, FrameSplitter } from "../../daemon/wire/framing.ts";
import { runFront } from "../../daemon/front/front.ts";
import { frontTiming } from "../../daemon/front/state.ts";
import { lockHeldExitCode, stoppingMethod } from "../../daemon/wire/handshake.ts";
import { startCoreProcess } from "../../daemon/client/startCore.ts";
import { ensureToken, listen } from "../../daemon/server/listener.ts";
import type { Log } from "../../daemon/base/log.ts";
import { stateFolder, type StateFolder } from "../../daemon/base/stateFolder.ts";
import { acquireLock } from "../../daemon/store/lock.ts";

const version = process.env["TINY_VERSION"] ?? "1.0.0";
const protocolVersion = Number(process.env["TINY_PROTOCOL"] ?? 1);

/** What the file holds: the completions of a tree, and the events of sessions. */
type Stored = { completionSeq: number } | { sessionId: string; seq: number };

interface Client {
  readonly socket: Socket;
  /** Every method that this client has sent, in order. */
  readonly told: { method: string; params: unknown }[];
  tree: boolean;
  readonly sessions: Set<string>;
}

async function runCore(folder: StateFolder): Promise<void> {
  if (process.env["TINY_FAULT"]) throw new Error(process.env["TINY_FAULT"]);
  const lock = await acquireLock(folder.lockFile);
  if (lock === "held") {
    process.exitCode = lockHeldExitCode;
    return;
  }
  const clients = new Set<Client>();
  const log = logTo(folder.logFile);
  const stop = async () => {
    await listener.close();
    for (const { socket } of clients) socket.end(notification(stoppingMethod, {}));
    await lock.release();
  };
  const listener = await listen({
    folder,
    version,
    protocolVersion,
    token: await ensureToken(folder.tokenFile),
    isIdle: () => process.env["TINY_BUSY"] === undefined,
    onClient(socket) {
      const client: Client = { socket, told: [], tree: false, sessions: new Set() };
      clients.add(client);
      const handle = (body: Buffer) => void answer({ folder, clients, stop }, client, body);
      const splitter = new FrameSplitter(handle);
      socket.on("close", () => clients.delete(client));
      socket.on("data", (chunk) => splitter.push(chunk)).resume();
    },
    onTakeover: () => void stop(),
    log,
    lineTimeoutMs: Number(process.env["TINY_LINE_TIMEOUT"] ?? 10_000),
  });
  log.info({ pid: process.pid }, "The core listens.");
}

interface TinyCore {
  readonly folder: StateFolder;
  readonly clients: Set<Client>;
  stop(): Promise<void>;
}

async function answer(core: TinyCore, client: Client, body: Buffer): Promise<void> {
  const { id, method, params } = parse(body);
  if (method === "told") {
    const result = JSON.stringify(client.told);
    client.socket.write(frame(`{"jsonrpc":"2.0","id":${JSON.stringify(id)},"result":${result}}`));
    return;
  }
  client.told.push({ method, params });
  if (id === undefined || method === "hang") return;
  const isOpen = client.told.some((told) => told.method === "initialize");
  const outcome = isOpen
    ? { result: await resultOf(core, client, method, params) }
    : { error: { code: -32002, message: "not initialized" } };
  client.socket.write(frame(JSON.stringify({ jsonrpc: "2.0", id, ...outcome })));
  if (method === "session/subscribe" || method === "tree/subscribe")
    sendAgain(core, client, params);
}

interface Request {
  id?: number | string;
  method: string;
  params: Record<string, unknown>;
}

function parse(body: Buffer): Request {
  try {
    return JSON.parse(body.toString()) as Request;
  } catch {
    return { method: "garbage", params: { text: body.toString() } };
  }
}

async function resultOf(
  core: TinyCore,
  client: Client,
  method: string,
  params: Record<string, unknown>,
): Promise<unknown> {
  const before = stored(core.folder);
  if (method === "initialize") {
    return { serverInfo: { name: "offshoot", version }, pid: process.pid };
  }
  if (method === "written") return [...core.clients].map(({ socket }) => socket.bytesWritten);
  if (method === "die") process.kill(process.pid, "SIGKILL");
  if (method === "stop") void core.stop();
  if (method === "flood")
    return flood(client.socket, Number(params["count"]), String(params["text"]));
  if (method === "tree/subscribe") {
    client.tree = true;
    const completionSeq = before.filter((entry) => "completionSeq" in entry).length;
    return { sessions: [{ id: "s1", version: completionSeq }], completionSeq };
  }
  if (method === "session/subscribe") {
    client.sessions.add(String(params["sessionId"]));
    return { lastSeq: before.filter((entry) => "seq" in entry).length };
  }
  if (method === "complete") {
    const completionSeq = before.filter((entry) => "completionSeq" in entry).length + 1;
    store(core.folder, { completionSeq });
    for (const { socket, tree } of core.clients) if (tree) socket.write(completion(completionSeq));
    return { completionSeq };
  }
  if (method === "event") {
    const sessionId = String(params["sessionId"]);
    const seq =
      before.filter((entry) => "seq" in entry && entry.sessionId === sessionId).length + 1;
    store(core.folder, { sessionId, seq });
    for (const { socket, sessions } of core.clients) {
      if (sessions.has(sessionId)) socket.write(event(sessionId, seq));
    }
    return { seq };
  }
  return params ?? null;
}

/** What a subscription asks for that happened before it. */
function sendAgain(core: TinyCore, client: Client, params: Record<string, unknown>): void {
  for (const entry of stored(core.folder)) {
    if ("completionSeq" in entry) {
      const after = params["afterCompletion"];
      if (typeof after !== "number" || entry.completionSeq <= after) continue;
      client.socket.write(completion(entry.completionSeq, { replayed: true }));
    } else if (
      entry.sessionId === params["sessionId"] &&
      entry.seq > Number(params["after"] ?? 0)
    ) {
      client.socket.write(event(entry.sessionId, entry.seq));
    }
  }
}

async function flood(socket: Socket, count: number, text: string): Promise<object> {
  const portion = Buffer.concat(Array.from({ length: 100 }, () => event("flood", 1, text)));
  for (let sent = 0; sent < count; sent += 100) {
    if (!socket.write(portion)) await once(socket, "drain");
  }
  return {};
}

const run = { parentSessionId: "p", childSessionId: "c", runId: "r" };

function completion(completionSeq: number, more: object = {}): Buffer {
  return notification("subAgent/completed", { ...run, attempt: 1, completionSeq, ...more });
}

function event(sessionId: string, seq: number, text = ""): Buffer {
  const params = { ...run, childSessionId: sessionId, seq, event: { type: "message.delta", text } };
  return notification("subAgent/event", params);
}

function notification(method: string, params: unknown): Buffer {
  return frame(JSON.stringify({ jsonrpc: "2.0", method, params }));
}

function store(folder: StateFolder, entry: Stored): void {
  appendFileSync(join(folder.dir, "stored"), `${JSON.stringify(entry)}\n`);
}

function stored(folder: StateFolder): Stored[] {
  const file = join(folder.dir, "stored");
  const lines = existsSync(file) ? readFileSync(file, "utf8").split("\n").filter(Boolean) : [];
  return lines.map((line) => JSON.parse(line) as Stored);
}

function logTo(file: string): Log {
  const write = (facts: object, sentence: string) => {
    appendFileSync(file, `${JSON.stringify({ ...facts, sentence })}\n`);
  };
  return { debug: write, info: write, warn: write, error: write };
}

const [command, , dir] = process.argv.slice(2);
const chosen = stateFolder(dir, process.env);
if (command === "core") {
  await runCore(chosen);
} else {
  process.exitCode = await runFront({
    folder: chosen,
    version,
    protocolVersion,
    startCore: () => startCoreProcess(import.meta.filename, chosen),
    stdin: process.stdin,
    stdout: process.stdout,
    environment: { PATH: "/of/the/editor", SECRET: "not told" },
    warn: (sentence) => process.stderr.write(`${sentence}\n`),
    timing: {
      ...frontTiming,
      processCheckMs: 50,
      backOffMs: [0, 20, 40, 80],
      stableMs: Number(process.env["TINY_STABLE_MS"] ?? frontTiming.stableMs),
      stoppedCheckMs: 50,
    },
  });
}
