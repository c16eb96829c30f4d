/**
 * How a client comes to a core: it connects to the one of its state folder, starts one where
 * nothing answers, and takes the place of an older one that has nothing to do.
 */
import { spawn } from "node:child_process";
import {
  closeSync,
  fstatSync,
  ftruncateSync,
  mkdirSync,
  openSync,
  readFileSync,
  readSync,
  statfsSync,
  statSync,
} from "node:fs";
import { connect, type Socket } from "node:net";
import { join, resolve } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
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
import type { StateFolder } from "../base/stateFolder.ts";

export interface JoinOptions extends Version {
  readonly folder: StateFolder;
  /** `never`: a core that does not run stays so, and an older one keeps its place. */
  readonly start: "ifNeeded" | "never";
  startCore(): CoreProcess;
  /** Bound of the whole procedure; 30 seconds. */
  readonly timeoutMs?: number;
}

export interface Joined {
  /** Frames follow. It is paused: listen, then call `resume()`. Faults show as `close`. */
  readonly socket: Socket;
  readonly core: Peer;
  /** A sentence for a person: why an older core was joined. */
  readonly note?: string;
}

export type JoinFailure =
  | { kind: "notRunning" }
  | { kind: "versionMismatch"; client: Version; core: Version }
  /** `exitCode` is absent when the core runs but does not answer, or could not be started at all. */
  | { kind: "cannotStart"; exitCode?: number; lastLines: string[]; logFile: string }
  /** A core answers but does not let this client in. */
  | { kind: "refused" };

/** Why no core was joined; the message is a sentence that says what to do. */
export class JoinError extends Error {
  override readonly name = "JoinError";
  readonly failure: JoinFailure;

  constructor(failure: JoinFailure, message: string) {
    super(message);
    this.failure = failure;
  }
}

/** A core that this process has started. It lives on when this process ends. */
export interface CoreProcess {
  /** How it ended, or undefined while it lives; `code` is null when a signal ended it. */
  ended(): { code: number | null; sentence: string } | undefined;
  /** The last lines that it wrote to stderr, or else to its log. */
  lastLines(): string[];
}

/**
 * Joins the core of the folder. However many do this at the same instant, all of them end on one
 * core: the lock of the folder lets one live, and the others keep knocking until it listens.
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
      // Another core lives or is about to end: give it time before the next attempt to start.
      core = undefined;
      startAt = Date.now() + lockHeldWaitMs;
      lockHeldWaitMs *= 2;
    } else if (ended) {
      throw cannotStart(options, core, ended.sentence);
    }
    if (met === undefined && core === undefined && Date.now() >= startAt) core = startOne(options);
    await delay(knockMs);
  }
}

const knockMs = 10;

/** A core that answered the first line; the socket waits for the action. */
interface Met {
  readonly socket: Socket;
  readonly welcome: Welcome;
}

/** Connects and says hello. Undefined when nothing answers, or what answered went away. */
async function meet(options: JoinOptions, deadline: number): Promise<Met | undefined> {
  const { folder, version, protocolVersion } = options;
  const socket = await knock(folder.socket);
  if (socket === undefined) return undefined;
  // Its faults show as its end; without a listener they would end this process.
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

/** Joins, takes over (then undefined: there is no core any more), or says that it cannot be. */
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
        `${core.version} (protocol ${core.protocolVersion}): update the older one, or end the core ` +
        "with `offshoot stop`.",
    );
  }
  writeLine(socket, { action: "join" });
  if (!newer || welcome.idle) return { socket, core };
  const note =
    `The core that runs is version ${core.version} and has work under way, so version ${version} ` +
    "joins it; a newer core takes its place when it is idle.";
  return { socket, core, note };
}

/** Asks the core to go, and waits until it has gone; when it will not, the caller asks again. */
async function takeOver(socket: Socket, deadline: number): Promise<void> {
  writeLine(socket, { action: "takeover" });
  try {
    const answer = parseLine<{ ok: true }>(
      await readLine(socket, Math.max(1, deadline - Date.now())),
    );
    if (answer?.ok !== true) return;
    // The core keeps this connection until its process ends.
    await readLine(socket, Math.max(1, deadline - Date.now()));
  } catch (error) {
    if (!(error instanceof HandshakeError)) throw error;
  } finally {
    socket.destroy();
  }
}

/** Nothing answers there: no file, no listener behind it, or one that is just going. */
const nobodyThere = new Set(["ENOENT", "ECONNREFUSED", "ECONNRESET", "EPIPE", "EAGAIN", "ENOTDIR"]);

function knock(path: string): Promise<Socket | undefined> {
  return new Promise((resolved, reject) => {
    const socket = connect(path);
    const onError = (error: NodeJS.ErrnoException) => {
      if (nobodyThere.has(error.code ?? "")) resolved(undefined);
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
    throw refused(`The core's token cannot be read: ${sentenceOf(error)}.`);
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
    throw cannotStart(options, undefined, sentenceOf(error));
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
  const words = lastLines.length === 0 ? "" : ` Its last words: ${lastLines.join(" | ")}`;
  const said = words + spaceFault(folder.dir);
  return new JoinError(
    {
      kind: "cannotStart",
      lastLines,
      logFile,
      ...(typeof code === "number" && { exitCode: code }),
    },
    `The core of ${folder.dir} cannot be used: ${why}. Its log is ${logFile}.${said}`,
  );
}

/** On a full disk a core cannot even write down what is wrong. */
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

function sentenceOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

/** A core that is started needs some of this many bytes for its store and log. */
const leastSpace = 256 * 1024;

/** Beyond this many bytes, what cores wrote to stderr earlier is dropped at the next start. */
const longestErrorFile = 256 * 1024;

/**
 * V8 lets the young part of its heap grow to over 100 MB, and the old one to a multiple of what is
 * alive, although a core keeps little alive. Every page that a core has touched makes each start of
 * a program slower, since Node forks for it. (2,500 runs: 127 MB instead of 171 MB.)
 */
const smallHeap = ["--max-semi-space-size=8", "--heap-growing-percent=30"];

/**
 * Starts a core for the folder in a session of its own. It holds none of this process's streams and
 * does not keep it alive; its stderr goes to a file beside the log. Throws when the folder cannot
 * be made.
 */
export function startCoreProcess({
  entry,
  folder,
}: {
  entry: string;
  folder: StateFolder;
}): CoreProcess {
  mkdirSync(folder.dir, { recursive: true, mode: 0o700 });
  const errorFile = join(folder.dir, "core.stderr");
  const output = openSync(errorFile, "a", 0o600);
  if (fstatSync(output).size > longestErrorFile) ftruncateSync(output);
  const before = fstatSync(output).size;
  const logBefore = statSync(folder.logFile, { throwIfNoEntry: false })?.size ?? 0;
  const child = spawn(
    process.execPath,
    [...process.execArgv, ...smallHeap, entry, "core", "--state-dir", folder.dir],
    // In the state folder, so that a core never holds on to a workspace.
    {
      detached: true,
      stdio: ["ignore", output, output],
      cwd: folder.dir,
      env: environmentOfCore(folder),
      windowsHide: true,
    },
  );
  closeSync(output);
  child.unref();
  let ended: ReturnType<CoreProcess["ended"]>;
  child.once("error", (error) => {
    ended = { code: null, sentence: error.message };
  });
  child.once("exit", (code, signal) => {
    ended = {
      code,
      sentence: signal === null ? `it ended with exit code ${code}` : `it was ended by ${signal}`,
    };
  });
  return {
    ended: () => ended,
    lastLines() {
      const lines = tail(errorFile, before);
      return lines.length > 0 ? lines : tail(folder.logFile, logBefore);
    },
  };
}

/** The last lines of a file, as far as they lie behind its first `from` bytes. */
function tail(file: string, from: number): string[] {
  try {
    const opened = openSync(file, "r");
    try {
      const { size } = fstatSync(opened);
      const start = Math.max(from, size - tailBytes);
      const bytes = Buffer.alloc(Math.max(0, size - start));
      const length = readSync(opened, bytes, 0, bytes.length, start);
      const lines = bytes.toString("utf8", 0, length).split("\n");
      return lines.filter((line) => line.trim() !== "").slice(-8);
    } finally {
      closeSync(opened);
    }
  } catch {
    return [];
  }
}

const tailBytes = 8 * 1024;

/**
 * The environment of a core: this process's own. A program inside a run that has to start the core
 * of its own run again must not hand on the run's mark, or the core would be ended with that run.
 * Under a run of another core the mark stays: what the run started has to end with it.
 */
function environmentOfCore(folder: StateFolder): NodeJS.ProcessEnv {
  const own = process.env["OFFSHOOT_STATE_DIR"];
  if (own === undefined || resolve(own) !== folder.dir) return process.env;
  const {
    OFFSHOOT_RUN: _run,
    OFFSHOOT_SESSION: _session,
    OFFSHOOT_COMMAND: _command,
    ...rest
  } = process.env;
  return rest;
}
