/** The core's half of a front: joins one core after the other and brings each up to date. */
import type { Socket } from "node:net";
import { setTimeout as delay } from "node:timers/promises";
import { joinCore, JoinError, type Joined } from "../client/join.ts";
import { frame, passFrames, type Verdict } from "../wire/framing.ts";
import {
  notificationText,
  parseMessage,
  requestText,
  type Message,
  type RequestId,
} from "./messages.ts";
import type { Front } from "./state.ts";

/** Joins one core after the other, until the client has gone or no core can be had. */
export async function keepCore(front: Front): Promise<void> {
  const { timing, options, memory } = front;
  for (let deaths = 0; ; deaths += 1) {
    const waitMs = deaths === 0 ? 0 : timing.backOffMs[deaths - 1];
    if (waitMs === undefined) {
      const { logFile } = options.folder;
      return giveUp(
        front,
        new Error(`The core has ended ${deaths} times in a row; see ${logFile}.`),
      );
    }
    if (waitMs > 0) await delay(waitMs);
    try {
      const joined = await joinNext(front);
      if (joined === undefined) return;
      if (joined.note !== undefined) options.warn(joined.note);
      const since = Date.now();
      await new CoreConnection(front, joined.socket).serve();
      if (front.is("ended")) return;
      await coreGone(front);
      if (memory.isShutDown) return refuseForGood(front);
      if (front.is("stopped") || Date.now() - since >= timing.stableMs) deaths = 0;
    } catch (error) {
      if (!(error instanceof JoinError)) throw error;
      if (deaths === 0 || error.failure.kind !== "cannotStart") return giveUp(front, error);
      options.warn(error.message);
    }
  }
}

/**
 * Joins the core. After a core that stopped in order, joins one that somebody else has started, and
 * starts one only if the client asks for something. Undefined when the front has ended meanwhile.
 */
async function joinNext(front: Front): Promise<Joined | undefined> {
  const { options, memory, timing } = front;
  while (!front.is("ended")) {
    const start = front.is("stopped") && !memory.hasPending ? "never" : "ifNeeded";
    try {
      const joined = await joinCore({ ...options, start });
      front.move({ at: "joining" });
      if (!front.is("ended")) return joined;
      joined.socket.destroy();
    } catch (error) {
      if (!(error instanceof JoinError) || error.failure.kind !== "notRunning") throw error;
    }
    if (!memory.hasPending) await front.nextRequest(timing.stoppedCheckMs);
  }
}

/** Passes frames between the client and one core, and sends the core the front's own requests. */
class CoreConnection {
  readonly #front: Front;
  readonly #socket: Socket;
  /** What each answer to a request of the front itself becomes: frames for the client. */
  readonly #own = new Map<RequestId, (answer: Message) => Buffer[]>();
  #asked = 0;

  constructor(front: Front, socket: Socket) {
    this.#front = front;
    this.#socket = socket;
  }

  /** Resolves when the connection has closed. */
  async serve(): Promise<void> {
    const closed = new Promise((resolve) => this.#socket.once("close", resolve));
    const fromCore = passFrames(
      (body) => this.#judge(body),
      (slices) => this.#front.writeToClient(slices),
      (error) => {
        this.#front.options.warn(`The core's connection ends: ${error.message}.`);
        this.#socket.destroy();
      },
    );
    this.#socket.on("data", fromCore);
    this.#front.connect(this.#socket);
    if (this.#front.memory.isOpen) this.#renew();
    else this.#front.serve(this.#socket);
    await closed;
    this.#front.disconnect();
  }

  #judge(body: Buffer): Verdict {
    const meaning = this.#front.memory.noteCoreFrame(body);
    if (meaning === undefined) return "pass";
    if (meaning.kind === "stopping") {
      this.#front.move({ at: "stopped", core: this.#front.core });
      return [];
    }
    const take = this.#own.get(meaning.id);
    this.#own.delete(meaning.id);
    return take ? take(parseMessage(body) ?? {}) : "pass";
  }

  #ask(method: string, params: unknown, take: (answer: Message) => Buffer[]): void {
    this.#asked += 1;
    const id = `offshoot-front/${this.#asked}`;
    this.#own.set(id, take);
    this.#socket.write(frame(requestText(id, method, params)));
  }

  /** Brings a new core to where the last one was for this client, then serves the client. */
  #renew(): void {
    const { memory, options } = this.#front;
    const { params, initialized, configuration } = memory.opening();
    this.#ask("initialize", params, ({ error }) => {
      if (error !== undefined) {
        options.warn(`The new core refuses this client: ${JSON.stringify(error)}.`);
        this.#socket.destroy();
        return [];
      }
      if (initialized) this.#socket.write(frame(notificationText("initialized", {})));
      if (configuration) this.#socket.write(frame(configuration));
      const expired = memory.takeExpiredApprovals().map(frame);
      for (const standing of memory.standingRequests()) {
        this.#ask(standing.method, standing.params, (reply) => {
          if (reply.error === undefined) return memory.changesIn(reply).map(frame);
          options.warn(`${standing.method} was not renewed: ${JSON.stringify(reply.error)}.`);
          return [];
        });
      }
      this.#front.serve(this.#socket);
      return [...expired, frame(notificationText("daemon/restarted", {}))];
    });
  }
}

/** Answers the requests that the core has left without an answer. */
async function coreGone(front: Front): Promise<void> {
  // A core that never took the client's frames leaves no request without an answer.
  if (front.core === undefined) return;
  const wasStopped = front.is("stopped");
  front.move(wasStopped ? { at: "stopped", core: undefined } : { at: "joining" });
  const { pending, initialize } = front.memory.takeUnanswered();
  if (initialize) front.writeToCore([frame(initialize)]);
  front.options.stdin.resume();
  if (pending.length === 0) return;
  const { errors, standardErrors } = await import("../../protocol/errors.ts");
  const error = wasStopped
    ? {
        code: errors.shuttingDown.code,
        message: "the core was stopped while this ran; ask again to start another one",
        data: { kind: "shuttingDown" },
      }
    : { code: standardErrors.internalError, message: "the core ended while this ran; ask again" };
  front.refuse(pending, () => error);
}

/** There is no core any more, and the client needs none: it has sent `shutdown`. */
async function refuseForGood(front: Front): Promise<void> {
  const { standardErrors } = await import("../../protocol/errors.ts");
  const refusal = {
    code: standardErrors.invalidRequest,
    message: "only `exit` follows `shutdown`",
  };
  front.move({ at: "refusing", error: () => refusal });
  front.refuse(front.memory.takePending(), () => refusal);
}

/** Says why there is no core, to the client and to a person, and ends with exit code 1. */
async function giveUp(front: Front, reason: Error): Promise<void> {
  const { errors, standardErrors } = await import("../../protocol/errors.ts");
  const { memory, options } = front;
  options.warn(reason.message);
  const failure = reason instanceof JoinError ? reason.failure : undefined;
  if (failure?.kind !== "versionMismatch") {
    const error = { code: standardErrors.internalError, message: reason.message };
    front.refuse(memory.takePending(), () => error);
    front.end(1);
    return;
  }
  const mismatch = {
    code: errors.versionMismatch.code,
    message: reason.message,
    data: { kind: failure.kind, client: failure.client, core: failure.core },
  };
  const tooEarly = { code: standardErrors.serverNotInitialized, message: "`initialize` failed" };
  const error = (method: string) =>
    method === "initialize" || memory.isOpen ? mismatch : tooEarly;
  front.move({ at: "refusing", error });
  front.refuse(memory.takePending(), error);
  // A client that is still opening the connection reads the answer and then sends `exit`.
  if (memory.isOpen) front.end(1);
}
