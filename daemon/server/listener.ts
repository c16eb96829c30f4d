/** The socket of the core, the token that a client has to show, and the handshake. */
import { createHash, randomBytes, timingSafeEqual } from "node:crypto";
import { chmod, lstat, mkdir, readFile, realpath, rename, rm, writeFile } from "node:fs/promises";
import { createServer, type Server, type Socket } from "node:net";
import { dirname } from "node:path";
import {
  isNewer,
  lineTimeoutMs,
  parseLine,
  readLine,
  writeLine,
  type Action,
  type Hello,
  type Peer,
} from "../wire/handshake.ts";
import { messageOf } from "../base/errors.ts";
import type { Log } from "../base/log.ts";
import type { StateFolder } from "../base/stateFolder.ts";

export interface ListenOptions {
  readonly folder: StateFolder;
  readonly version: string;
  readonly protocolVersion: number;
  readonly token: string;
  /** Whether a newer version may take this core's place just now. */
  isIdle(): boolean;
  /**
   * A client has joined. The socket is paused and may hold bytes already: listen for `data`, `close`
   * and `error`, then call `resume()`.
   */
  onClient(socket: Socket, peer: Peer): void;
  /** A newer version takes over: stop in order, release the socket, then the lock. */
  onTakeover(): void;
  readonly log: Log;
  /** How long a client may take for each line of the handshake. */
  readonly lineTimeoutMs?: number;
}

export interface Listener {
  /**
   * Accepts no more connections and removes the socket file. Clients that have joined stay. Call
   * this before the lock is released: the next core makes a file of the same name.
   */
  close(): Promise<void>;
}

/**
 * Listens on the socket of the state folder. The caller holds the lock of the folder, so a socket
 * file that lies there belongs to a dead core and is removed. Rejects when the folder belongs to
 * another user or the socket cannot be made.
 */
export async function listen(options: ListenOptions): Promise<Listener> {
  const { folder } = options;
  const onWindows = process.platform === "win32";
  if (!onWindows) {
    await mkdir(folder.dir, { recursive: true, mode: 0o700 });
    // A link to a state folder of this user is allowed; one in a folder that others can write is not.
    await makePrivateFolder(await realpath(folder.dir));
    const parent = dirname(folder.socket);
    if (parent !== folder.dir) await makePrivateFolder(parent);
    await rm(folder.socket, { force: true });
  }
  const entering = new Set<Socket>();
  const server = createServer((socket) => {
    entering.add(socket);
    // A fault of a socket also closes it; without a listener the fault would end the core.
    socket.on("error", (err) => options.log.debug({ err }, "a connection failed"));
    void admit(socket, options).finally(() => entering.delete(socket));
  });
  await started(server, folder.socket);
  if (!onWindows) await chmod(folder.socket, 0o600);
  return {
    async close() {
      // Its callback would wait for the clients that have joined.
      server.close();
      for (const socket of entering) socket.destroy();
    },
  };
}

/** Leads one connection through the handshake; a faulty one affects no other. */
async function admit(socket: Socket, options: ListenOptions): Promise<void> {
  const { version, protocolVersion, log } = options;
  const timeoutMs = options.lineTimeoutMs ?? lineTimeoutMs;
  try {
    const hello = parseLine<Hello>(await readLine(socket, timeoutMs));
    const peer = peerOf(hello);
    if (peer === undefined) return refuse(socket, options, "the first line is no handshake");
    if (!sameToken(hello?.token, options.token)) {
      return refuse(socket, options, "the token is wrong; it stands in the core's state folder");
    }
    writeLine(socket, { version, protocolVersion, pid: process.pid, idle: options.isIdle() });

    const wish = parseLine<Action>(await readLine(socket, timeoutMs))?.action;
    if (wish === "join") return options.onClient(socket, peer);
    if (wish !== "takeover") return refuse(socket, options, "this action is not known");
    const newer = await isNewer(peer.version, version);
    if (!newer) return refuse(socket, options, `${peer.version} is not newer than ${version}`);
    if (!options.isIdle()) return refuse(socket, options, "the core is busy");
    log.info({ peer }, "a newer version takes over");
    writeLine(socket, { ok: true });
    // The connection stays open until this process ends; the newer front waits for that.
    socket.unref().resume();
    options.onTakeover();
  } catch (err) {
    refuse(socket, options, messageOf(err));
  }
}

function refuse(socket: Socket, { log }: ListenOptions, reason: string): void {
  log.warn({ reason }, "a connection was refused");
  if (socket.destroyed) return;
  writeLine(socket, { error: reason });
  socket.resume().end(() => socket.destroy());
}

function peerOf(hello: Partial<Hello> | undefined): Peer | undefined {
  const { version, protocolVersion, pid } = hello ?? {};
  if (typeof version !== "string" || typeof protocolVersion !== "number") return undefined;
  return typeof pid === "number" ? { version, protocolVersion, pid } : undefined;
}

/** Compares digests of one length, so that the time that it takes reveals nothing of the token. */
function sameToken(given: unknown, expected: string): boolean {
  if (typeof given !== "string") return false;
  const digest = (text: string) => createHash("sha256").update(text).digest();
  return timingSafeEqual(digest(given), digest(expected));
}

function started(server: Server, path: string): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once("error", reject);
    server.listen(path, () => {
      server.off("error", reject);
      resolve();
    });
  });
}

/** Makes a folder that only this user can enter, or makes one of this user so. */
async function makePrivateFolder(dir: string): Promise<void> {
  await mkdir(dir, { recursive: true, mode: 0o700 });
  const found = await lstat(dir);
  const sticky = (found.mode & 0o1000) !== 0;
  if (!found.isDirectory() || found.uid !== process.getuid?.() || sticky) {
    throw new Error(
      `${dir} must be a folder of your own: remove it, or choose another --state-dir`,
    );
  }
  if ((found.mode & 0o077) !== 0) await chmod(dir, 0o700);
}

/**
 * The token of a state folder: 64 hexadecimal digits in a file that only its owner can read, made
 * when there is none. A reader finds it whole or not at all. Call it with the lock held.
 */
export async function ensureToken(file: string): Promise<string> {
  const found = await readFile(file, "utf8").catch(() => "");
  if (/^[0-9a-f]{64}$/.test(found)) {
    await chmod(file, 0o600);
    return found;
  }
  const token = randomBytes(32).toString("hex");
  const draft = `${file}.${process.pid}`;
  await rm(draft, { force: true });
  await writeFile(draft, token, { mode: 0o600, flag: "wx" });
  await rename(draft, file);
  return token;
}
