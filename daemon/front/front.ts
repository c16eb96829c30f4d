/**
 * The front: the process that an editor starts. It joins the core of its state folder or starts
 * one, and passes frames both ways. When the core dies under it, it goes on with another one on the
 * same stdin and stdout. It imports nothing that takes time, because every client waits for it.
 */
import type { Socket } from "node:net";
import type { Writable } from "node:stream";
import { setTimeout as delay } from "node:timers/promises";
import { frame, passFrames, type FramingError, type Verdict } from "../wire/framing.ts";
import { keepCore } from "./coreSide.ts";
import {
  fieldsOf,
  hearClient,
  isRequestId,
  newClientMemory,
  takePending,
  withEnvironment,
} from "./clientMemory.ts";
import {
  answer,
  endFront,
  frontTiming,
  refuse,
  writeToCore,
  type Front,
  type FrontOptions,
} from "./state.ts";

import { allowedPart } from "../processes/environment.ts";

/**
 * Serves the client on `stdin` and `stdout` until it ends, and resolves with the exit code: 0 after
 * `shutdown`, 1 without it or when no core can be had. The caller ends the process then.
 */
export async function runFront(options: FrontOptions): Promise<number> {
  const front: Front = {
    ...options,
    timing: options.timing ?? frontTiming,
    memory: newClientMemory(),
    core: undefined,
    waiting: [],
    waitingSize: 0,
    stdoutFull: false,
    socket: undefined,
    told: { initialized: false, configuration: undefined },
    stopping: false,
    shutdown: false,
    greeted: false,
    refusal: undefined,
    onRequest: () => undefined,
    ending: Promise.withResolvers<number>(),
    ended: false,
  };
  const { stdin, stdout, ending, timing } = front;
  const clientGone = () => endFront(front, exitCode(front));
  stdin.on("end", clientGone).on("close", clientGone).on("error", clientGone);
  stdout.on("error", clientGone);
  stdout.on("drain", () => {
    front.stdoutFull = false;
    front.socket?.resume();
  });
  const fromClient = passFrames(
    (body) => judgeClientFrame(front, body),
    (slices) => writeToCore(front, slices),
    (error) => void endForFault(front, error),
  );
  stdin.on("data", fromClient);
  keepCore(front).catch(ending.reject);

  const code = await ending.promise;
  // Paused only, it could be resumed again and keep the process alive.
  stdin.off("data", fromClient).destroy();
  const late = delay(timing.flushMs, undefined, { ref: false });
  await Promise.race([Promise.all([written(stdout), closed(front.socket)]), late]);
  return code;
}

function exitCode({ shutdown }: Front): number {
  return shutdown ? 0 : 1;
}

function written(stream: Writable): Promise<unknown> {
  return new Promise((resolve) => stream.write("", resolve));
}

/**
 * Ends the connection and reads on until the core has ended it too: a core whose writing fails might
 * never read the last requests.
 */
function closed(socket: Socket | undefined): Promise<unknown> {
  if (socket === undefined) return Promise.resolve();
  return new Promise((resolve) => {
    socket.once("close", resolve).removeAllListeners("data").resume().end();
  });
}

/** Looks at a frame of the client before it goes to the core. */
function judgeClientFrame(front: Front, body: Buffer): Verdict {
  const message = hearClient(front.memory, body);
  if (message?.method === "initialize") watchClient(front, fieldsOf(message.params)?.["processId"]);
  if (message?.method === "shutdown") front.shutdown = true;
  // The frames before `exit` have been written by the time that this is noticed.
  if (message?.method === "exit") endFront(front, exitCode(front));
  if (front.refusal) {
    refuse(front, takePending(front.memory), front.refusal);
    return [];
  }
  const isFirst = message?.method === "initialize" && isRequestId(message.id) && !front.greeted;
  const changed = isFirst ? greet(front) : undefined;
  if (message === undefined || !isRequestId(message.id) || front.core) return changed ?? "pass";
  if (message.method === "shutdown" && front.stopping) {
    // It is no reason to start a core after one that was stopped.
    front.memory.pending.delete(message.id);
    answer(front, message.id, { result: null });
    return [];
  }
  front.onRequest();
  return changed ?? "pass";
}

/** The core hears in which environment the editor lives: it may have been started in another. */
function greet(front: Front): Verdict {
  front.greeted = true;
  const body = withEnvironment(front.memory, allowedPart(front.environment));
  return body === undefined ? "pass" : [frame(body)];
}

/** Ends the front when the process that `initialize` named has ended. */
function watchClient(front: Front, pid: unknown): void {
  if (typeof pid !== "number" || pid <= 0) return;
  const timer = setInterval(() => {
    if (front.ended) return clearInterval(timer);
    if (isAlive(pid)) return;
    front.warn(`Process ${pid}, which this connection belongs to, has ended.`);
    endFront(front, exitCode(front));
  }, front.timing.processCheckMs).unref();
}

function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch (error) {
    // It is there but belongs to somebody else.
    return (error as NodeJS.ErrnoException).code === "EPERM";
  }
}

/** The client sent no frames: says so on both ways, and ends. */
async function endForFault(front: Front, error: FramingError): Promise<void> {
  const { standardErrors } = await import("../../protocol/errors.ts");
  const message = `This connection ends: ${error.message}.`;
  front.warn(message);
  answer(front, null, { error: { code: standardErrors.parseError, message } });
  endFront(front, 1);
}
