/** The client's streams, the connection to a core, and the state of a front. */
import type { Socket } from "node:net";
import type { Readable, Writable } from "node:stream";
import { setTimeout as delay } from "node:timers/promises";
import type { StateFolder } from "../base/stateFolder.ts";
import type { CoreProcess } from "../client/startCore.ts";
import { allowedPart } from "../processes/environment.ts";
import { frame, writeSlices } from "../wire/framing.ts";
import type { Version } from "../wire/handshake.ts";
import { ClientMemory, type Pending } from "./clientMemory.ts";
import type { RequestId } from "./messages.ts";

export interface FrontOptions extends Version {
  readonly folder: StateFolder;
  startCore(): CoreProcess;
  readonly stdin: Readable;
  readonly stdout: Writable;
  /** Of this process, which has that of the editor. */
  readonly environment: NodeJS.ProcessEnv;
  /** Shows a person one sentence; stdout belongs to the protocol. */
  warn(sentence: string): void;
  readonly timing?: typeof frontTiming;
}

/** Milliseconds. */
export const frontTiming = {
  /** How often to check whether the process that `initialize` named is alive. */
  processCheckMs: 3000,
  /** The waits before a core is joined again, one per death; after the last one the front ends. */
  backOffMs: [0, 1000, 2000, 4000],
  /** A core that lived this long is stable: the waits start again with the first. */
  stableMs: 5 * 60_000,
  /** How often to look for another core after one that stopped in order. */
  stoppedCheckMs: 1000,
  /** How long to wait for the last bytes to leave when the front ends. */
  flushMs: 1000,
};

/** Bytes that a client may have sent while no core takes them; beyond this, stdin has to wait. */
const longestWaiting = 1024 * 1024;

export type FrontState =
  /** A core is joined and brought up to date; the client's frames wait. */
  | { readonly at: "joining" }
  /** The client's frames go to this core. */
  | { readonly at: "serving"; readonly core: Socket }
  /**
   * The core stops in order: no other is started until the client asks for something. The core
   * takes frames until its connection closes.
   */
  | { readonly at: "stopped"; readonly core: Socket | undefined }
  /** There will be no core any more: requests get this error until `exit`. */
  | { readonly at: "refusing"; error(method: string): RpcError }
  /** The frames that came before the end still go to the core. */
  | { readonly at: "ended"; readonly core: Socket | undefined };

export interface RpcError {
  code: number;
  message: string;
  data?: object;
}

export class Front {
  readonly options: FrontOptions;
  readonly timing: typeof frontTiming;
  readonly memory: ClientMemory;
  #state: FrontState = { at: "joining" };
  /** The connection to a core; it pauses while stdout is full. */
  #socket: Socket | undefined;
  /** Frames of the client that no core has taken yet. */
  #waiting: Buffer[] = [];
  #waitingSize = 0;
  readonly #exitCode = Promise.withResolvers<number>();
  #onRequest = () => {};

  constructor(options: FrontOptions) {
    this.options = options;
    this.timing = options.timing ?? frontTiming;
    this.memory = new ClientMemory(allowedPart(options.environment));
    options.stdout.on("drain", () => this.#socket?.resume());
  }

  /** The only writer of the state. `ended` is final, and only `ended` follows `refusing`. */
  move(next: FrontState): void {
    const isFinal = this.is("ended") || (this.is("refusing") && next.at !== "ended");
    if (!isFinal) this.#state = next;
  }

  is(at: FrontState["at"]): boolean {
    return this.#state.at === at;
  }

  /** The core that takes the client's frames; without one they wait. */
  get core(): Socket | undefined {
    return "core" in this.#state ? this.#state.core : undefined;
  }

  get refusal(): ((method: string) => RpcError) | undefined {
    return this.#state.at === "refusing" ? this.#state.error : undefined;
  }

  get socket(): Socket | undefined {
    return this.#socket;
  }

  /** Resolves with the exit code of the first call of `end`. */
  get exitCode(): Promise<number> {
    return this.#exitCode.promise;
  }

  end(exitCode = this.memory.isShutDown ? 0 : 1): void {
    this.move({ at: "ended", core: this.core });
    this.#exitCode.resolve(exitCode);
  }

  /** Reads from a core as fast as the client takes what comes. */
  connect(socket: Socket): void {
    this.#socket = socket;
    socket.on("drain", () => this.options.stdin.resume());
    if (!this.options.stdout.writableNeedDrain) socket.resume();
  }

  disconnect(): void {
    this.#socket = undefined;
  }

  /** From here on the client's frames go to this core; first those that have waited. */
  serve(core: Socket): void {
    this.move({ at: this.is("stopped") ? "stopped" : "serving", core });
    const waiting = this.#waiting;
    this.#waiting = [];
    this.#waitingSize = 0;
    this.options.stdin.resume();
    if (waiting.length > 0) this.writeToCore(waiting);
  }

  writeToCore(slices: readonly Buffer[]): void {
    if (this.core) {
      if (!writeSlices(this.core, slices)) this.options.stdin.pause();
      return;
    }
    for (const slice of slices) {
      this.#waiting.push(slice);
      this.#waitingSize += slice.length;
    }
    if (this.#waitingSize > longestWaiting) this.options.stdin.pause();
  }

  writeToClient(slices: readonly Buffer[]): void {
    if (!writeSlices(this.options.stdout, slices)) this.#socket?.pause();
  }

  answer(id: RequestId | null, outcome: { error: RpcError } | { result: null }): void {
    this.writeToClient([frame(JSON.stringify({ jsonrpc: "2.0", id, ...outcome }))]);
  }

  /** Answers requests that no core will answer. `shutdown` needs no core: it succeeds. */
  refuse(pending: Pending, error: (method: string) => RpcError): void {
    for (const [id, { method }] of pending) {
      this.answer(id, method === "shutdown" ? { result: null } : { error: error(method) });
    }
  }

  /** The client has sent a request while no core takes its frames. */
  requestArrived(): void {
    this.#onRequest();
  }

  /** Resolves with the next such request, or after `ms`. */
  async nextRequest(ms: number): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#onRequest = resolve;
    await Promise.race([promise, delay(ms)]);
  }
}
