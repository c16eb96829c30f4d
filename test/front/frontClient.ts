/** A client in a test: it starts a real front, which starts the tiny core, and speaks frames to it. */
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Readable, Writable } from "node:stream";
import { frame, FrameSplitter } from "../../daemon/wire/framing.ts";
import { stateFolder, type StateFolder } from "../../daemon/base/stateFolder.ts";
import { ourProcesses } from "../support/leaks.ts";
import { waitFor } from "../support/waitFor.ts";

/** What the front adds to what its client says of itself; as test/support/tinyCore.ts sets it. */
export const ofTheEditor = {
  initializationOptions: { offshoot: { environment: { PATH: "/of/the/editor" } } },
};

export const tinyCore = join(import.meta.dirname, "..", "support", "tinyCore.ts");

export interface Answer {
  id?: number | string | null;
  method?: string;
  params?: Record<string, unknown>;
  result?: unknown;
  error?: { code: number; message: string; data?: unknown };
}

export interface FrontClient {
  readonly pid: number;
  /** Everything that came, in order, answers and notifications. */
  readonly received: Answer[];
  readonly stderr: () => string;
  readonly stdin: Writable;
  readonly stdout: Readable;
  /** Sends a request and resolves with its answer. */
  ask(method: string, params?: object): Promise<Answer>;
  notify(method: string, params?: object): void;
  /** Initializes; resolves with the pid of the core. */
  open(params?: object): Promise<number>;
  /** Resolves with the exit code. */
  readonly ended: Promise<number | null>;
}

export interface TestFolder extends StateFolder {
  /** Starts a front on this folder. */
  client(environment?: Record<string, string>, dir?: string): FrontClient;
  /** Living cores of this folder. */
  corePids(): number[];
  endCores(): Promise<void>;
  /** Ends all fronts and cores of the folder and removes it. */
  clear(): Promise<void>;
}

export function testStateFolder(): TestFolder {
  const folder = stateFolder(mkdtempSync(join(tmpdir(), "f-")), {});
  const end = (...what: string[]) =>
    waitFor(() => {
      const living = what.flatMap(pids);
      for (const pid of living) kill(pid, "SIGKILL");
      return living.length === 0;
    }, "the processes of the test to end");
  const pids = (what: string) =>
    ourProcesses()
      .filter(
        ({ command }) => command.includes(`tinyCore.ts ${what}`) && command.includes(folder.dir),
      )
      .map(({ pid }) => pid);
  return {
    ...folder,
    client: (environment = {}, dir = folder.dir) => startFront(dir, environment),
    corePids: () => pids("core"),
    async endCores() {
      await end("core");
    },
    async clear() {
      await end("front", "core");
      rmSync(folder.dir, { recursive: true, force: true });
    },
  };
}

export function kill(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal);
  } catch {
    // It has ended by itself.
  }
}

function startFront(dir: string, environment: Record<string, string>): FrontClient {
  const child = spawn(process.execPath, [tinyCore, "front", "--state-dir", dir], {
    stdio: "pipe",
    env: { ...process.env, ...environment },
  });
  const received: Answer[] = [];
  const waiting = new Map<unknown, (answer: Answer) => void>();
  const splitter = new FrameSplitter((body) => {
    const message = JSON.parse(body.toString()) as Answer;
    received.push(message);
    if (message.method === undefined) waiting.get(message.id)?.(message);
  });
  child.stdout.on("data", (chunk: Buffer) => splitter.push(chunk));
  let stderr = "";
  child.stderr.on("data", (chunk: Buffer) => (stderr += chunk.toString()));
  // A front that has ended does not read any more.
  child.stdin.on("error", () => undefined);
  let lastId = 0;
  const send = (message: object) =>
    child.stdin.write(frame(JSON.stringify({ jsonrpc: "2.0", ...message })));
  const ask = (method: string, params?: object) =>
    new Promise<Answer>((resolve) => {
      const id = (lastId += 1);
      waiting.set(id, resolve);
      send({ id, method, params });
    });
  return {
    pid: child.pid ?? 0,
    received,
    stderr: () => stderr,
    stdin: child.stdin,
    stdout: child.stdout,
    ask,
    notify: (method, params) => void send({ method, params }),
    async open(params = {}) {
      const answer = await ask("initialize", params);
      assert.equal(answer.error, undefined, stderr);
      return (answer.result as { pid: number }).pid;
    },
    ended: new Promise((resolve) => child.once("close", (code) => resolve(code))),
  };
}
