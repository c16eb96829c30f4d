/** How a client starts a core, which outlives the client. */
import { spawn } from "node:child_process";
import {
  closeSync,
  fstatSync,
  ftruncateSync,
  mkdirSync,
  openSync,
  readSync,
  statSync,
} from "node:fs";
import { join, resolve } from "node:path";
import { PROTOCOL_VERSION } from "../../protocol/version.ts";
import type { StateFolder } from "../base/stateFolder.ts";
import { VERSION } from "../base/version.ts";

/** A core that this process has started. The core outlives this process. */
export interface CoreProcess {
  /** How the core ended, or undefined while it lives; `code` is null when a signal ended it. */
  ended(): { code: number | null; sentence: string } | undefined;
  /** The last lines that the core wrote to stderr, or else to its log. */
  lastLines(): string[];
}

/** How this version of Offshoot joins or starts the core of a folder. */
export function coreOf(folder: StateFolder, entry: string) {
  const startCore = () => startCoreProcess(entry, folder);
  return { folder, version: VERSION, protocolVersion: PROTOCOL_VERSION, startCore };
}

/** Beyond this many bytes, the stderr of earlier cores is deleted at the next start. */
const longestErrorFile = 256 * 1024;

/**
 * By default, V8 lets the young part of its heap grow to over 100 MB, and the old part to a multiple
 * of what is alive, although a core keeps little alive. Node forks to start a program, so every page
 * of the core's memory makes that slower. (2,500 runs: 127 MB instead of 171 MB.)
 */
const smallHeap = ["--max-semi-space-size=8", "--heap-growing-percent=30"];

/**
 * Starts a core for the folder in a session of its own. The core has none of this process's streams
 * and does not keep this process alive; its stderr goes to a file beside the log. Throws when the
 * folder cannot be made.
 */
export function startCoreProcess(entry: string, folder: StateFolder): CoreProcess {
  mkdirSync(folder.dir, { recursive: true, mode: 0o700 });
  const errorFile = join(folder.dir, "core.stderr");
  const output = openSync(errorFile, "a", 0o600);
  if (fstatSync(output).size > longestErrorFile) ftruncateSync(output);
  const before = fstatSync(output).size;
  const logBefore = statSync(folder.logFile, { throwIfNoEntry: false })?.size ?? 0;
  const child = spawn(
    process.execPath,
    [...process.execArgv, ...smallHeap, entry, "core", "--state-dir", folder.dir],
    // The state folder as `cwd`, so that a core never keeps a workspace's folder in use.
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

/** The last lines of a file after its first `from` bytes. */
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
 * The environment of a core: that of this process. A program inside a run that starts the core of
 * its own run again must not pass on the run's mark, or the core would be ended with that run. In a
 * run of another core the mark stays, because whatever that run started has to end with that run.
 */
function environmentOfCore(folder: StateFolder): NodeJS.ProcessEnv {
  const own = process.env["OFFSHOOT_STATE_DIR"];
  if (own === undefined || resolve(own) !== folder.dir) return process.env;
  const { OFFSHOOT_RUN: _run, OFFSHOOT_SESSION: _session, ...rest } = process.env;
  return rest;
}
