/**
 * The front: the process that an editor starts. It joins the core of its state folder or starts
 * one, and passes frames both ways. When that core dies, the front continues with another one on
 * the same stdin and stdout. It imports nothing that takes time, because every client waits for it.
 */
import type { Socket } from "node:net";
import type { Writable } from "node:stream";
import { setTimeout as delay } from "node:timers/promises";
import { frame, passFrames, type FramingError, type Verdict } from "../wire/framing.ts";
import { keepCore } from "./coreSide.ts";
import { fieldsOf, isRequestId } from "./messages.ts";
import { Front, type FrontOptions } from "./state.ts";

/**
 * Serves the client on `stdin` and `stdout` until it ends, and resolves with the exit code: 0 after
 * `shutdown`, 1 without it or when no core can be had. The caller ends the process then.
 */
export async function runFront(options: FrontOptions): Promise<number> {
  const front = new Front(options);
  const { stdin, stdout } = options;
  const clientGone = () => front.end();
  stdin.on("end", clientGone).on("close", clientGone).on("error", clientGone);
  stdout.on("error", clientGone);
  const fromClient = passFrames(
    (body) => judgeClientFrame(front, body),
    (slices) => front.writeToCore(slices),
    (error) => void endForFault(front, error),
  );
  stdin.on("data", fromClient);
  const cores = keepCore(front);

  const code = await Promise.race([front.exitCode, cores.then(() => front.exitCode)]);
  // Paused only, stdin could be resumed again and keep the process alive.
  stdin.off("data", fromClient).destroy();
  const late = delay(front.timing.flushMs, undefined, { ref: false });
  await Promise.race([Promise.all([written(stdout), closed(front.socket)]), late]);
  return code;
}

function written(stream: Writable): Promise<unknown> {
  return new Promise((resolve) => stream.write("", resolve));
}

/**
 * Ends the connection and reads on until the core has ended it too: a core that fails to write
 * might never read the last requests.
 */
function closed(socket: Socket | undefined): Promise<unknown> {
  if (socket === undefined) return Promise.resolve();
  return new Promise((resolve) => {
    socket.once("close", resolve).removeAllListeners("data").resume().end();
  });
}

/** Decides what becomes of a frame of the client before it goes to the core. */
function judgeClientFrame(front: Front, body: Buffer): Verdict {
  const { memory } = front;
  const { message, passed } = memory.noteClientFrame(body);
  const { id, method, params } = message;
  if (method === "initialize") watchClient(front, fieldsOf(params)?.["processId"]);
  // The frames before `exit` have been written before the front ends.
  if (method === "exit") front.end();
  if (front.refusal) {
    front.refuse(memory.takePending(), front.refusal);
    return [];
  }
  if (isRequestId(id) && front.core === undefined) {
    if (method === "shutdown" && front.is("stopped")) {
      // `shutdown` is no reason to start a core after one that was stopped.
      memory.dropPending(id);
      front.answer(id, { result: null });
      return [];
    }
    front.requestArrived();
  }
  return passed === body ? "pass" : [frame(passed)];
}

/** Ends the front when the process that `initialize` named has ended. */
function watchClient(front: Front, pid: unknown): void {
  if (typeof pid !== "number" || pid <= 0) return;
  const timer = setInterval(() => {
    if (front.is("ended")) return clearInterval(timer);
    if (isAlive(pid)) return;
    front.options.warn(`Process ${pid}, which this connection belongs to, has ended.`);
    front.end();
  }, front.timing.processCheckMs).unref();
}

function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch (error) {
    // The process exists but belongs to another user.
    return (error as NodeJS.ErrnoException).code === "EPERM";
  }
}

/** The client sent bytes that are no frames: reports that to client and person, and ends. */
async function endForFault(front: Front, error: FramingError): Promise<void> {
  const { standardErrors } = await import("../../protocol/errors.ts");
  const message = `This connection ends: ${error.message}.`;
  front.options.warn(message);
  front.answer(null, { error: { code: standardErrors.parseError, message } });
  front.end(1);
}
