/**
 * A connection to an agent that speaks the Agent Client Protocol; it may serve many sessions.
 *
 * Requests and answers go through the protocol's SDK. Updates do not: it handles messages
 * concurrently, so they are taken from the stream and handed on as they come, in their order.
 */
import type { Readable, Writable } from "node:stream";
import type { AnyMessage } from "@agentclientprotocol/sdk";
import type { Log } from "../../log.ts";
import { ownMethods } from "../../agent/ownMethods.ts";
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

/** What an agent said of itself. Anything that it did not say is empty. */
export interface AgentFacts {
  readonly name: string;
  readonly title: string;
  readonly capabilities: Json;
  readonly authMethods: readonly Json[];
}

/** Whoever takes what the agent says in one session. */
export interface SessionSide {
  /** Must not wait: the next update is on its heels. */
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
  /** What cannot be sent any more is lost. */
  notify(method: string, params: object): void;
  /** What came for the session before is handed on at once. Answers how to detach it. */
  attach(sessionId: string, side: SessionSide): () => void;
  isClosed(): boolean;
}

export interface ConnectionParts {
  /** The agent's stdin and stdout. */
  input: Writable;
  output: Readable;
  /**
   * What to do with an update for a session that nobody knows: an agent that serves one run only
   * means that run, one that serves many has made a mistake.
   */
  strays: "toTheFirstSession" | "drop";
  /** A line of stdout that is no message. */
  noise: (line: string) => void;
  log: Log;
}

const knownMethods: readonly string[] = [
  ...Object.values(toClient),
  ownMethods.completeTurn,
  ownMethods.cancelTurn,
  ownMethods.beginTurn,
];

/** Updates that are kept for sessions whose id is not known yet. */
const maxHeld = 1000;

/** Opens the connection and says hello. Rejects as `request` does. */
export async function openAcpConnection(parts: ConnectionParts): Promise<AcpConnection> {
  const { input, output, log } = parts;
  // Loading the SDK takes a tenth of a second, which a core without such agents need not spend.
  const sdk = await import("@agentclientprotocol/sdk");
  const routes = createRoutes(parts.strays);
  const asked = new Set<unknown>();
  const resultTakers = new WeakMap<object, (result: Json) => void>();
  const pending = new Map<unknown, (result: Json) => void>();

  let give: ReadableStreamDefaultController<AnyMessage> | undefined;
  const readable = new ReadableStream<AnyMessage>({
    start: (controller) => void (give = controller),
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
      // The SDK would complain of these on the core's stderr.
      if (!asked.delete(message["id"])) return parts.noise(JSON.stringify(message));
      if (isJson(message["result"])) pending.get(message["id"])?.(message["result"]);
      pending.delete(message["id"]);
    }
    if (!connection.signal.aborted) give?.enqueue({ ...message, jsonrpc: "2.0" } as AnyMessage);
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
        // A fault of ours, of which the agent hears no more than that there is one.
        log.error({ err: error, method }, "An agent's request could not be answered.");
        throw error;
      }
    })
    .connect({ readable, writable });

  readMessageLines(output, {
    message: takeMessage,
    noise: parts.noise,
    ready: () => routes.ready(),
  })
    .then(() => connection.close(new Error("The agent has closed its output.")))
    .catch((error: unknown) => {
      log.warn({ err: error }, "An agent's output broke off.");
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
        log.debug({ err: error, method }, "An agent could not be told something.");
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

/** An agent that has gone, or reads nothing any more, is found out by its exit and not here. */
function writeLine(input: Writable, line: string): Promise<void> {
  return new Promise((done, fail) => {
    input.write(`${line}\n`, (error) => (error ? fail(error) : done()));
  });
}

/** Brings to each session what the agent says in it. */
function createRoutes(strays: ConnectionParts["strays"]) {
  const sides = new Map<string, SessionSide>();
  const touched = new Set<SessionSide>();
  let held: { sessionId: string; update: Json }[] = [];

  function sideOf(sessionId: string): SessionSide | undefined {
    const [first] = sides.values();
    return sides.get(sessionId) ?? (strays === "toTheFirstSession" ? first : undefined);
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
