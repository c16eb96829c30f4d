/**
 * Requests that go the other way: the core asks a client that has offered something. Ids are never
 * used twice, also not by a later core: an answer that comes too late belongs to nobody.
 */
import { v4 as newId } from "uuid";
import { ResponseError } from "vscode-jsonrpc";
import type * as z from "zod";
import { clientRequests, type ClientRequestMethod } from "../../protocol/models.ts";
import { frame } from "../wire/framing.ts";
import type { Outbound } from "./outbound.ts";

type Params<M extends ClientRequestMethod> = z.infer<(typeof clientRequests)[M]["params"]>;
type Result<M extends ClientRequestMethod> = z.infer<(typeof clientRequests)[M]["result"]>;

export interface Asking {
  /** Rejects with the client's error, with the signal's reason, or when the client is gone. */
  ask<M extends ClientRequestMethod>(
    method: M,
    params: Params<M>,
    signal: AbortSignal,
  ): Promise<Result<M>>;
  /** An answer of the client; one that nobody waits for is ignored. */
  heard(answer: { id?: unknown; result?: unknown; error?: unknown }): void;
  /** The client is gone. */
  close(): void;
}

interface Waiting {
  answer(result: unknown): void;
  fail(error: unknown): void;
}

export function createAsking(outbound: Outbound): Asking {
  const waiting = new Map<string, Waiting>();
  const send = (message: object) =>
    outbound.answer(frame(JSON.stringify({ jsonrpc: "2.0", ...message })));

  return {
    async ask(method, params, signal) {
      signal.throwIfAborted();
      const id = newId();
      const { promise, resolve, reject } = Promise.withResolvers<unknown>();
      const cancel = () => {
        send({ method: "$/cancelRequest", params: { id } });
        reject(signal.reason);
      };
      waiting.set(id, { answer: resolve, fail: reject });
      signal.addEventListener("abort", cancel, { once: true });
      send({ id, method, params });
      try {
        const result = clientRequests[method].result.safeParse(await promise);
        if (result.success) return result.data as Result<typeof method>;
        throw new Error(`the client answered ${method} wrongly: ${result.error.message}`);
      } finally {
        waiting.delete(id);
        signal.removeEventListener("abort", cancel);
      }
    },
    heard({ id, result, error }) {
      const asked = waiting.get(String(id));
      if (error === undefined) return asked?.answer(result);
      asked?.fail(errorOf(error));
    },
    close() {
      for (const asked of waiting.values()) asked.fail(new ClientGone());
      waiting.clear();
    },
  };
}

/** The client's connection ended before it answered. */
export class ClientGone extends Error {
  override readonly name = "ClientGone";
  constructor() {
    super("the client that was asked has gone");
  }
}

function errorOf(error: unknown): Error {
  const { code, message } = error as { code?: unknown; message?: unknown };
  const text = typeof message === "string" ? message : "the client refused without a reason";
  return new ResponseError(typeof code === "number" ? code : 0, text);
}
