/**
 * A connection to an agent that speaks the Agent Client Protocol. One connection may serve many
 * sessions.
 *
 * Requests and answers go through the protocol's SDK. Updates do not, because the SDK handles
 * messages concurrently: they are taken from the stream and passed on in their order.
 */
import type { Readable, Writable } from "node:stream";
import type { AnyMessage } from "@agentclientprotocol/sdk";
import type { Log } from "../../base/log.ts";
import { ownMethods } from "../../agent/contract/ownMethods.ts";
import { isJson, listIn, objectIn, textIn, type Json } from "../formats/json.ts";
import { readMessageLines } from "./messageLines.ts";
import {
  AcpError,
  clientCapabilities,
  clientInfo,
  errorCodes,
  protocolVersion,
  toAgent,
  toClient,
} from "./names.ts";

/** What an agent said of itself. What the agent did not say is empty. */
export interface AgentFacts {
  readonly name: string;
  readonly title: string;
  readonly capabilities: Json;
  readonly authMethods: readonly Json[];
}

/** The receiver of what the agent says in one session. */
export interface SessionSide {
  /** Takes an update. Must not wait, because the next update follows at once. */
  update(update: Json): void;
  /** Answers a request of the agent. Throws `AcpError`. */
  answer(method: string, params: Json): Promise<object>;
  /** Resolves when more may be read. */
  ready(): Promise<void>;
}

export interface AcpConnection {
  readonly facts: AgentFacts;
  /**
   * Rejects with `AcpError` when the agent answers with an error, and with another error when the
   * connection ends. `onResult` is called before anything is read that follows the answer.
   */
  request(method: string, params: object, onResult?: (result: Json) => void): Promise<Json>;
  /** Sends a notification; a notification to an agent that has ended is lost. */
  notify(method: string, params: object): void;
  /**
   * Routes the session to this side, including what came earlier. Returns a function that detaches
   * the side.
   */
  attach(sessionId: string, side: SessionSide): () => void;
  isClosed(): boolean;
}

export interface ConnectionParts {
  /** The agent's stdin and stdout. */
  input: Writable;
  output: Readable;
  /**
   * What becomes of an update for an unknown session: an agent that serves one run means that run;
   * for an agent that serves many it is a fault.
   */
  unroutedUpdates: "toTheFirstSession" | "drop";
  /** Called with a line of stdout that is not a message. */
  nonJsonLine: (line: string) => void;
  log: Log;
}

const knownMethods: readonly string[] = [
  ...Object.values(toClient),
  ownMethods.completeTurn,
  ownMethods.cancelTurn,
  ownMethods.beginTurn,
];

/** The most updates that are kept for sessions whose id is not known yet. */
const maxHeld = 1000;

/** Opens the connection and initializes it. Rejects as `request` does. */
export async function openAcpConnection(parts: ConnectionParts): Promise<AcpConnection> {
  const { input, output, log } = parts;
  // The import takes 100 ms, which a core without such agents saves.
  const sdk = await import("@agentclientprotocol/sdk");
  const routes = createRoutes(parts.unroutedUpdates);
  const asked = new Set<unknown>();
  const resultTakers = new WeakMap<object, (result: Json) => void>();
  const pending = new Map<unknown, (result: Json) => void>();

  let incoming: ReadableStreamDefaultController<AnyMessage> | undefined;
  const readable = new ReadableStream<AnyMessage>({
    start: (controller) => void (incoming = controller),
  });
  const writable = new WritableStream<AnyMessage>({
    write(message) {
      if ("method" in message && "id" in message) {
        asked.add(message.id);
        const taker = isJson(message.params) && resultTakers.get(message.params);
        if (taker) pending.set(message.id, taker);
      }
      return writeLine(input, JSON.stringify(message));
    },
  });

  const takeMessage = (message: Json) => {
    if (message["method"] === toClient.update) {
      routes.update(isJson(message["params"]) ? message["params"] : {});
      return;
    }
    if (!("method" in message)) {
      // The SDK would report such answers on the core's stderr.
      if (!asked.delete(message["id"])) return parts.nonJsonLine(JSON.stringify(message));
      if (isJson(message["result"])) pending.get(message["id"])?.(message["result"]);
      pending.delete(message["id"]);
    }
    if (!connection.signal.aborted) incoming?.enqueue({ ...message, jsonrpc: "2.0" } as AnyMessage);
  };

  const connection = sdk
    .client({ name: clientInfo.name })
    .onNotification("*", () => undefined)
    .onRequest("*", async ({ method, params }) => {
      try {
        return await routes.answer(method, isJson(params) ? params : {});
      } catch (error) {
        if (error instanceof AcpError) {
          throw new sdk.RequestError(error.code, error.message, error.data);
        }
        // The fault is ours: the agent only gets an internal error.
        log.error({ err: error, method }, "An agent's request could not be answered.");
        throw error;
      }
    })
    .connect({ readable, writable });

  readMessageLines(output, {
    message: takeMessage,
    nonJsonLine: parts.nonJsonLine,
    ready: () => routes.ready(),
  })
    .then(() => connection.close(new Error("The agent has closed its output.")))
    .catch((error: unknown) => {
      log.warn({ err: error }, "Reading an agent's output failed.");
      connection.close(error);
    });

  const request: AcpConnection["request"] = async (method, params, onResult) => {
    if (onResult) resultTakers.set(params, onResult);
    try {
      const result: unknown = await connection.agent.request(method, params);
      return isJson(result) ? result : {};
    } catch (error) {
      if (error instanceof sdk.RequestError) {
        throw new AcpError(error.code, error.message, error.data);
      }
      throw error;
    }
  };

  const hello = await request(toAgent.initialize, {
    protocolVersion,
    clientInfo,
    clientCapabilities,
  });
  return {
    facts: factsOf(hello),
    request,
    notify: (method, params) => {
      connection.agent.notify(method, params).catch((error: unknown) => {
        log.debug({ err: error, method }, "An agent could not be notified.");
      });
    },
    attach: (sessionId, side) => routes.attach(sessionId, side),
    isClosed: () => connection.signal.aborted,
  };
}

function factsOf(hello: Json): AgentFacts {
  if (hello["protocolVersion"] !== protocolVersion) {
    const theirs = JSON.stringify(hello["protocolVersion"] ?? null);
    throw new AcpError(
      errorCodes.invalidParams,
      `The agent speaks version ${theirs} of the Agent Client Protocol, Offshoot speaks ${protocolVersion}.`,
    );
  }
  const info = objectIn(hello, "agentInfo");
  const name = textIn(info, "name") ?? "";
  return {
    name,
    title: textIn(info, "title", "name") ?? "the agent",
    capabilities: objectIn(hello, "agentCapabilities"),
    authMethods: listIn(hello, "authMethods"),
  };
}

/** A failed write is not handled here: the exit of the agent ends its runs. */
function writeLine(input: Writable, line: string): Promise<void> {
  return new Promise((done, fail) => {
    input.write(`${line}\n`, (error) => (error ? fail(error) : done()));
  });
}

/** Routes the agent's updates and requests to their sessions. */
function createRoutes(unroutedUpdates: ConnectionParts["unroutedUpdates"]) {
  const sides = new Map<string, SessionSide>();
  const touched = new Set<SessionSide>();
  let held: { sessionId: string; update: Json }[] = [];

  function sideOf(sessionId: string): SessionSide | undefined {
    const [first] = sides.values();
    return sides.get(sessionId) ?? (unroutedUpdates === "toTheFirstSession" ? first : undefined);
  }

  function update(params: Json): void {
    const sessionId = textIn(params, "sessionId") ?? "";
    const told = objectIn(params, "update");
    const side = sideOf(sessionId);
    if (side) {
      touched.add(side);
      side.update(told);
    } else if (held.length < maxHeld) {
      held.push({ sessionId, update: told });
    }
  }

  return {
    update,
    async answer(method: string, params: Json): Promise<object> {
      const side = sideOf(textIn(params, "sessionId") ?? "");
      const isKnown = knownMethods.includes(method);
      if (!isKnown) throw new AcpError(errorCodes.methodNotFound, `Method not found: ${method}`);
      if (side) return side.answer(method, params);
      throw new AcpError(errorCodes.invalidParams, `${method}: there is no such session`);
    },
    async ready(): Promise<void> {
      const waiting = [...touched].map((side) => side.ready());
      touched.clear();
      await Promise.all(waiting);
    },
    attach(sessionId: string, side: SessionSide): () => void {
      sides.set(sessionId, side);
      const early = held.filter((one) => sideOf(one.sessionId) === side);
      held = held.filter((one) => !early.includes(one));
      for (const one of early) side.update(one.update);
      return () => {
        if (sides.get(sessionId) === side) sides.delete(sessionId);
      };
    },
  };
}
