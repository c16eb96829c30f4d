/** The core's half of a front: joins one core after the other and brings each up to date. */
import type { Socket } from "node:net";
import { setTimeout as delay } from "node:timers/promises";
import { frame, passFrames } from "../wire/framing.ts";
import {
  changesIn,
  expiredApprovals,
  hearClient,
  hearCore,
  parseMessage,
  standingRequests,
  takePending,
  type Message,
  type RequestId,
} from "./clientMemory.ts";
import { endFront, refuse, writeToClient, writeToCore, type Front } from "./state.ts";
import { joinCore, JoinError, type Joined } from "../client/join.ts";

/** Joins one core after the other, until the client has gone or no core can be had. */
export async function keepCore(front: Front): Promise<void> {
  const { timing } = front;
  for (let deaths = 0; ; deaths += 1) {
    const waitMs = deaths === 0 ? 0 : timing.backOffMs[deaths - 1];
    if (waitMs === undefined) {
      const sentence = `The core has ended ${deaths} times in a row; see ${front.folder.logFile}.`;
      return giveUp(front, new Error(sentence));
    }
    if (waitMs > 0) await delay(waitMs);
    try {
      const joined = await joinNext(front);
      if (joined === undefined) return;
      if (joined.note !== undefined) front.warn(joined.note);
      const since = Date.now();
      await serve(front, joined.socket);
      if (front.ended) return;
      await coreGone(front);
      if (front.shutdown) return refuseForGood(front);
      if (front.stopping || Date.now() - since >= timing.stableMs) deaths = 0;
    } catch (error) {
      if (!(error instanceof JoinError)) throw error;
      if (deaths === 0 || error.failure.kind !== "cannotStart") return giveUp(front, error);
      front.warn(error.message);
    }
  }
}

/**
 * Joins the core. After one that stopped in order, it takes one that somebody else has started, and
 * starts one only when the client asks for something. Undefined when the front has ended meanwhile.
 */
async function joinNext(front: Front): Promise<Joined | undefined> {
  const { folder, version, protocolVersion, memory, timing } = front;
  while (!front.ended) {
    const start = front.stopping && memory.pending.size === 0 ? "never" : "ifNeeded";
    try {
      const startCore = () => front.startCore();
      const joined = await joinCore({ folder, version, protocolVersion, start, startCore });
      front.stopping = false;
      if (!front.ended) return joined;
      joined.socket.destroy();
    } catch (error) {
      if (!(error instanceof JoinError) || error.failure.kind !== "notRunning") throw error;
    }
    if (memory.pending.size > 0) continue;
    const asked = Promise.withResolvers<void>();
    front.onRequest = asked.resolve;
    await Promise.race([asked.promise, delay(timing.stoppedCheckMs)]);
  }
}

/** Passes frames between the client and one core, until that core's connection has closed. */
async function serve(front: Front, socket: Socket): Promise<void> {
  const closed = new Promise((resolve) => socket.once("close", resolve));
  /** What becomes of the answers to the front's own requests. */
  const own: OwnRequests = new Map();
  const fromCore = passFrames(
    (body) => {
      const heard = hearCore(front.memory, body);
      if (heard === undefined) return "pass";
      if (heard.kind === "stopping") {
        front.stopping = true;
        return [];
      }
      const take = own.get(heard.id);
      own.delete(heard.id);
      return take ? take(parseMessage(body) ?? {}) : "pass";
    },
    (slices) => writeToClient(front, slices),
    (error) => {
      front.warn(`The core's connection ends: ${error.message}.`);
      socket.destroy();
    },
  );
  socket.on("data", fromCore).on("drain", () => front.stdin.resume());
  front.socket = socket;
  if (!front.stdoutFull) socket.resume();
  if (front.memory.opened) replay(front, socket, own);
  else passClient(front, socket);
  await closed;
  front.socket = undefined;
}

const restarted = JSON.stringify({ jsonrpc: "2.0", method: "daemon/restarted", params: {} });

type OwnRequests = Map<RequestId, (answer: Message) => Buffer[]>;

/** Brings a new core to where the last one was for this client, then lets the client go on. */
function replay(front: Front, socket: Socket, own: OwnRequests): void {
  const { memory, told } = front;
  let asked = 0;
  const ask = (method: string, params: unknown, take: (answer: Message) => Buffer[]) => {
    const id = `offshoot-front/${(asked += 1)}`;
    own.set(id, take);
    socket.write(frame(JSON.stringify({ jsonrpc: "2.0", id, method, params })));
  };
  const { params } = (memory.initialize && parseMessage(memory.initialize)) ?? {};
  ask("initialize", params, ({ error }) => {
    if (error !== undefined) {
      front.warn(`The new core does not take this client: ${JSON.stringify(error)}.`);
      socket.destroy();
      return [];
    }
    if (told.initialized) {
      socket.write(frame(JSON.stringify({ jsonrpc: "2.0", method: "initialized", params: {} })));
    }
    if (told.configuration) socket.write(frame(told.configuration));
    const expired = expiredApprovals(memory).map(frame);
    for (const standing of standingRequests(memory)) {
      ask(standing.method, standing.params, (reply) => {
        if (reply.error === undefined) return changesIn(memory, reply).map(frame);
        front.warn(`${standing.method} was not renewed: ${JSON.stringify(reply.error)}.`);
        return [];
      });
    }
    passClient(front, socket);
    return [...expired, frame(restarted)];
  });
}

/** From here on the frames of the client go to this core; first those that have waited. */
function passClient(front: Front, socket: Socket): void {
  const { waiting } = front;
  front.core = socket;
  front.waiting = [];
  front.waitingSize = 0;
  front.stdin.resume();
  if (waiting.length > 0) writeToCore(front, waiting);
}

/** Answers what the core that has gone cannot answer any more, and notes what it had been told. */
async function coreGone(front: Front): Promise<void> {
  const { memory } = front;
  if (front.core === undefined) return;
  front.core = undefined;
  front.told = { initialized: memory.initialized, configuration: memory.configuration };
  const inFlight = takePending(memory);
  const unopened = memory.opened ? undefined : memory.initialize;
  if (unopened && !front.shutdown) {
    // It goes to the next core as if it had come just now.
    const id = hearClient(memory, unopened)?.id;
    inFlight.splice(0, inFlight.length, ...inFlight.filter(([other]) => other !== id));
    writeToCore(front, [frame(unopened)]);
  }
  front.stdin.resume();
  if (inFlight.length === 0) return;
  const { errors, standardErrors } = await import("../../protocol/errors.ts");
  const error = front.stopping
    ? {
        code: errors.shuttingDown.code,
        message: "the core was stopped while this ran; ask again to start another one",
        data: { kind: "shuttingDown" },
      }
    : { code: standardErrors.internalError, message: "the core ended while this ran; ask again" };
  refuse(front, inFlight, () => error);
}

/** There is no core any more and the client needs none: it has said `shutdown`. */
async function refuseForGood(front: Front): Promise<void> {
  const { standardErrors } = await import("../../protocol/errors.ts");
  const error = { code: standardErrors.invalidRequest, message: "only `exit` follows `shutdown`" };
  front.refusal = () => error;
  refuse(front, takePending(front.memory), front.refusal);
}

/** Says why there is no core, to the client and to a person, and ends with exit code 1. */
async function giveUp(front: Front, reason: Error): Promise<void> {
  const { errors, standardErrors } = await import("../../protocol/errors.ts");
  const { memory } = front;
  front.warn(reason.message);
  const failure = reason instanceof JoinError ? reason.failure : undefined;
  if (failure?.kind !== "versionMismatch") {
    const error = { code: standardErrors.internalError, message: reason.message };
    refuse(front, takePending(memory), () => error);
    endFront(front, 1);
    return;
  }
  const mismatch = {
    code: errors.versionMismatch.code,
    message: reason.message,
    data: { kind: failure.kind, client: failure.client, core: failure.core },
  };
  const tooEarly = { code: standardErrors.serverNotInitialized, message: "`initialize` failed" };
  front.refusal = (method) => (method === "initialize" || memory.opened ? mismatch : tooEarly);
  refuse(front, takePending(memory), front.refusal);
  // A client that is just opening the connection reads the answer and then ends it itself.
  if (memory.opened) endFront(front, 1);
}
