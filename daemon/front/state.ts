/** What the two halves of a front share: the client's streams, the core's socket, what waits. */
import type { Socket } from "node:net";
import type { Readable, Writable } from "node:stream";
import { frame, writeSlices } from "../wire/framing.ts";
import type { ClientMemory, Pending, RequestId } from "./clientMemory.ts";
import type { Version } from "../wire/handshake.ts";
import type { CoreProcess } from "../client/startCore.ts";
import type { StateFolder } from "../base/stateFolder.ts";

export interface FrontOptions extends Version {
  readonly folder: StateFolder;
  startCore(): CoreProcess;
  readonly stdin: Readable;
  readonly stdout: Writable;
  /** Of the process, which is that of the editor. */
  readonly environment: NodeJS.ProcessEnv;
  /** Tells a person one sentence; stdout belongs to the protocol. */
  warn(sentence: string): void;
  readonly timing?: FrontTiming;
}

/** Milliseconds. */
export interface FrontTiming {
  /** How often to look whether the process that `initialize` named is alive. */
  readonly processCheckMs: number;
  /** The waits before a core is joined again, one per death; after the last one the front ends. */
  readonly backOffMs: readonly number[];
  /** A core that lived this long is stable: the waits begin anew. */
  readonly stableMs: number;
  /** How often to look for another core after one that stopped in order. */
  readonly stoppedCheckMs: number;
  /** How long to wait for the last bytes to leave when the front ends. */
  readonly flushMs: number;
}

export const frontTiming: FrontTiming = {
  processCheckMs: 3000,
  backOffMs: [0, 1000, 2000, 4000],
  stableMs: 5 * 60_000,
  stoppedCheckMs: 1000,
  flushMs: 1000,
};

/** What a client may have sent while no core could take it; beyond this, stdin has to wait. */
const longestWaiting = 1024 * 1024;

export interface Front extends FrontOptions {
  readonly timing: FrontTiming;
  readonly memory: ClientMemory;
  /** The core that takes the frames of the client just now; without one they wait. */
  core: Socket | undefined;
  waiting: Buffer[];
  waitingSize: number;
  /** The connection to a core; it pauses while stdout is full. */
  socket: Socket | undefined;
  stdoutFull: boolean;
  /** What the last core was told, which another one has to be told again. */
  told: Pick<ClientMemory, "initialized" | "configuration">;
  /** The core has said that it stops; no other is started until the client asks for something. */
  stopping: boolean;
  shutdown: boolean;
  /** The client has said its first `initialize`. */
  greeted: boolean;
  /** Set when there will be no core any more: requests get this error until `exit`. */
  refusal: ((method: string) => RpcError) | undefined;
  /** Called with every request that comes while no core takes it. */
  onRequest: () => void;
  /** Resolved with the exit code; `ended` says that it was. */
  readonly ending: PromiseWithResolvers<number>;
  ended: boolean;
}

export interface RpcError {
  code: number;
  message: string;
  data?: object;
}

/** The front ends, with this exit code where nothing else ended it before. */
export function endFront(front: Front, code: number): void {
  front.ended = true;
  front.ending.resolve(code);
}

/** Frames of the client, to the core or to where they wait for one. */
export function writeToCore(front: Front, slices: readonly Buffer[]): void {
  if (front.core) {
    if (!writeSlices(front.core, slices)) front.stdin.pause();
    return;
  }
  for (const slice of slices) {
    front.waiting.push(slice);
    front.waitingSize += slice.length;
  }
  if (front.waitingSize > longestWaiting) front.stdin.pause();
}

/** Frames for the client; while its stdout is full the core has to wait. */
export function writeToClient(front: Front, slices: readonly Buffer[]): void {
  if (writeSlices(front.stdout, slices)) return;
  front.stdoutFull = true;
  front.socket?.pause();
}

export function answer(
  front: Front,
  id: RequestId | null,
  outcome: { error: RpcError } | { result: null },
): void {
  writeToClient(front, [frame(JSON.stringify({ jsonrpc: "2.0", id, ...outcome }))]);
}

/** Answers requests that no core will answer. `shutdown` asks nothing of a core: it succeeds. */
export function refuse(front: Front, pending: Pending, error: (method: string) => RpcError): void {
  for (const [id, { method }] of pending) {
    answer(front, id, method === "shutdown" ? { result: null } : { error: error(method) });
  }
}
