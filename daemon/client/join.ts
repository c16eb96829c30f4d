/**
 * How a client joins the core of its state folder: it connects, starts a core where nothing
 * answers, and replaces an older core that is idle.
 */
import { readFileSync, statfsSync } from "node:fs";
import { connect, type Socket } from "node:net";
import { setTimeout as delay } from "node:timers/promises";
import { messageOf } from "../base/errors.ts";
import type { StateFolder } from "../base/stateFolder.ts";
import {
  HandshakeError,
  isNewer,
  lockHeldExitCode,
  parseLine,
  readLine,
  writeLine,
  type Peer,
  type Refusal,
  type Version,
  type Welcome,
} from "../wire/handshake.ts";
import type { CoreProcess } from "./startCore.ts";

export interface JoinOptions extends Version {
  readonly folder: StateFolder;
  /** `never`: no core is started, and an older core is not replaced. */
  readonly start: "ifNeeded" | "never";
  startCore(): CoreProcess;
  /** Bound of the whole procedure; 30 seconds by default. */
  readonly timeoutMs?: number;
}

export interface Joined {
  /** Carries frames from here on. The socket is paused: listen, then call `resume()`. Its faults show as `close`. */
  readonly socket: Socket;
  readonly core: Peer;
  /** A sentence for a person: why an older core was joined and not replaced. */
  readonly note?: string;
}

export type JoinFailure =
  | { kind: "notRunning" }
  | { kind: "versionMismatch"; client: Version; core: Version }
  /** `exitCode` is absent when the core runs but does not answer, or could not be started. */
  | { kind: "cannotStart"; exitCode?: number; lastLines: string[]; logFile: string }
  /** A core answers but refuses this client. */
  | { kind: "refused" };

/** Why no core was joined; the message is a sentence for a person. */
export class JoinError extends Error {
  override readonly name = "JoinError";
  readonly failure: JoinFailure;

  constructor(failure: JoinFailure, message: string) {
    super(message);
    this.failure = failure;
  }
}

/**
 * Joins the core of the folder. All clients that do this at the same instant join the same core:
 * only one core gets the lock of the folder, and every client tries again until that core listens.
 * Rejects with a JoinError.
 */
export async function joinCore(options: JoinOptions): Promise<Joined> {
  const deadline = Date.now() + (options.timeoutMs ?? 30_000);
  let core: CoreProcess | undefined;
  let startAt = 0;
  let lockHeldWaitMs = 1000;
  for (;;) {
    const met = await meet(options, deadline);
    const joined = met && (await settle(options, met, deadline));
    if (joined) return joined;
    if (met === undefined && options.start === "never") {
      throw new JoinError({ kind: "notRunning" }, `No core runs for ${options.folder.dir}.`);
    }
    if (Date.now() > deadline) throw cannotStart(options, core, "it does not listen");
    const ended = core?.ended();
    if (ended?.code === lockHeldExitCode) {
      // Another core holds the lock, perhaps while it ends: wait before starting one again.
      core = undefined;
      startAt = Date.now() + lockHeldWaitMs;
      lockHeldWaitMs *= 2;
    } else if (ended) {
      throw cannotStart(options, core, ended.sentence);
    }
    if (met === undefined && core === undefined && Date.now() >= startAt) core = startOne(options);
    await delay(retryMs);
  }
}

const retryMs = 10;

/** A core that answered the first line; the socket waits for the action. */
interface Met {
  readonly socket: Socket;
  readonly welcome: Welcome;
}

/** Connects and sends the first line. Undefined when nothing answers, or the core is just ending. */
async function meet(options: JoinOptions, deadline: number): Promise<Met | undefined> {
  const { folder, version, protocolVersion } = options;
  const socket = await connectTo(folder.socket);
  if (socket === undefined) return undefined;
  // Without a listener, an error of the socket would end this process. `close` follows it.
  socket.on("error", () => undefined);
  try {
    const token = readToken(folder.tokenFile);
    writeLine(socket, { token, version, protocolVersion, pid: process.pid });
    const line = await readLine(socket, Math.max(1, deadline - Date.now()));
    const welcome = parseLine<Welcome & Refusal>(line);
    if (welcome?.error !== undefined) throw refused(`The core refused: ${welcome.error}.`);
    if (!isWelcome(welcome)) throw refused(`${folder.socket} is not the socket of a core.`);
    return { socket, welcome };
  } catch (error) {
    socket.destroy();
    if (!(error instanceof HandshakeError)) throw error;
    if (Date.now() < deadline) return undefined;
    throw cannotStart(options, undefined, "it runs but does not answer");
  }
}

/** Joins the core, or replaces it: then there is no core any more, and the result is undefined. */
async function settle(
  options: JoinOptions,
  { socket, welcome }: Met,
  deadline: number,
): Promise<Joined | undefined> {
  const { version, protocolVersion } = options;
  const core = {
    version: welcome.version,
    protocolVersion: welcome.protocolVersion,
    pid: welcome.pid,
  };
  const newer = await isNewer(version, core.version);
  if (newer && welcome.idle && options.start === "ifNeeded") {
    await takeOver(socket, deadline);
    return undefined;
  }
  if (core.protocolVersion !== protocolVersion) {
    socket.destroy();
    const client = { version, protocolVersion };
    const { pid: _pid, ...found } = core;
    throw new JoinError(
      { kind: "versionMismatch", client, core: found },
      `This is version ${version} (protocol ${protocolVersion}), but the core that runs is version ` +
        `${core.version} (protocol ${core.protocolVersion}): update the older of the two, or end ` +
        "the core with `offshoot stop`.",
    );
  }
  writeLine(socket, { action: "join" });
  if (!newer || welcome.idle) return { socket, core };
  const note =
    `The core that runs is version ${core.version} and has work under way, so version ${version} ` +
    "joins it; a newer core takes its place when it is idle.";
  return { socket, core, note };
}

/** Asks the core to stop, and waits for its end. If the core refuses, the caller tries again. */
async function takeOver(socket: Socket, deadline: number): Promise<void> {
  writeLine(socket, { action: "takeover" });
  const nextLine = () => readLine(socket, Math.max(1, deadline - Date.now()));
  try {
    // After its answer, the core keeps this connection until its process ends.
    if (parseLine<{ ok: true }>(await nextLine())?.ok === true) await nextLine();
  } catch (error) {
    if (!(error instanceof HandshakeError)) throw error;
  } finally {
    socket.destroy();
  }
}

/** Nothing answers: there is no file, no listener behind the file, or a listener that is ending. */
const nothingThere = new Set([
  "ENOENT",
  "ECONNREFUSED",
  "ECONNRESET",
  "EPIPE",
  "EAGAIN",
  "ENOTDIR",
]);

function connectTo(path: string): Promise<Socket | undefined> {
  return new Promise((resolved, reject) => {
    const socket = connect(path);
    const onError = (error: NodeJS.ErrnoException) => {
      if (nothingThere.has(error.code ?? "")) resolved(undefined);
      else reject(refused(`The core cannot be reached: ${error.message}.`));
    };
    socket.once("error", onError);
    socket.once("connect", () => {
      socket.off("error", onError);
      resolved(socket);
    });
  });
}

function readToken(file: string): string {
  try {
    return readFileSync(file, "utf8").trim();
  } catch (error) {
    throw refused(`The core's token cannot be read: ${messageOf(error)}.`);
  }
}

function isWelcome(line: Partial<Welcome> | undefined): line is Welcome {
  const { version, protocolVersion, pid, idle } = line ?? {};
  return (
    typeof version === "string" &&
    typeof protocolVersion === "number" &&
    typeof pid === "number" &&
    typeof idle === "boolean"
  );
}

function startOne(options: JoinOptions): CoreProcess {
  try {
    return options.startCore();
  } catch (error) {
    throw cannotStart(options, undefined, messageOf(error));
  }
}

function cannotStart(
  { folder }: JoinOptions,
  core: CoreProcess | undefined,
  why: string,
): JoinError {
  const lastLines = core?.lastLines() ?? [];
  const code = core?.ended()?.code;
  const logFile = folder.logFile;
  const lines = lastLines.length === 0 ? "" : ` Its last lines: ${lastLines.join(" | ")}`;
  return new JoinError(
    {
      kind: "cannotStart",
      lastLines,
      logFile,
      ...(typeof code === "number" && { exitCode: code }),
    },
    `The core of ${folder.dir} cannot be used: ${why}. Its log is ${logFile}.${lines}${spaceFault(folder.dir)}`,
  );
}

/** On a full disk a core cannot log what is wrong, so the client says so. */
function spaceFault(dir: string): string {
  try {
    const { bavail, bsize } = statfsSync(dir);
    return bavail * bsize > leastSpace ? "" : " Its disk is full: free some space there.";
  } catch {
    return "";
  }
}

function refused(message: string): JoinError {
  return new JoinError({ kind: "refused" }, message);
}

/** The bytes that a core needs for its store and its log when it starts. */
const leastSpace = 256 * 1024;
