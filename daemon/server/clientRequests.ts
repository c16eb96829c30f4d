/**
 * Requests that the core makes of a client that has offered something. Ids are never used twice,
 * not even by a later core, so an answer that comes too late matches no request.
 */
import { v4 as newId } from "uuid";
import { ResponseError } from "vscode-jsonrpc";
import type * as z from "zod";
import { clientRequests, type ClientRequestMethod } from "../../protocol/models.ts";
import { frame } from "../wire/framing.ts";
import type { Outbound } from "./outbound.ts";

type Params<M extends ClientRequestMethod> = z.infer<(typeof clientRequests)[M]["params"]>;
type Result<M extends ClientRequestMethod> = z.infer<(typeof clientRequests)[M]["result"]>;

interface Waiting {
  answer(result: unknown): void;
  fail(error: unknown): void;
}

export class ClientRequests {
  readonly #outbound: Outbound;
  readonly #waiting = new Map<string, Waiting>();

  constructor(outbound: Outbound) {
    this.#outbound = outbound;
  }

  /** Rejects with the client's error, with the signal's reason, or when the client is gone. */
  async ask<M extends ClientRequestMethod>(
    method: M,
    params: Params<M>,
    signal: AbortSignal,
  ): Promise<Result<M>> {
    signal.throwIfAborted();
    const id = newId();
    const { promise, resolve, reject } = Promise.withResolvers<unknown>();
    const cancel = () => {
      this.#send({ method: "$/cancelRequest", params: { id } });
      reject(signal.reason);
    };
    this.#waiting.set(id, { answer: resolve, fail: reject });
    signal.addEventListener("abort", cancel, { once: true });
    this.#send({ id, method, params });
    try {
      const result = clientRequests[method].result.safeParse(await promise);
      if (result.success) return result.data as Result<M>;
      throw new Error(`the client answered ${method} wrongly: ${result.error.message}`);
    } finally {
      this.#waiting.delete(id);
      signal.removeEventListener("abort", cancel);
    }
  }

  /** Takes an answer of the client; one that no request waits for is ignored. */
  answer({ id, result, error }: { id?: unknown; result?: unknown; error?: unknown }): void {
    const request = this.#waiting.get(String(id));
    if (error === undefined) return request?.answer(result);
    request?.fail(errorOf(error));
  }

  /** The client is gone. */
  close(): void {
    for (const request of this.#waiting.values()) request.fail(new ClientGone());
    this.#waiting.clear();
  }

  #send(message: object): void {
    this.#outbound.answer(frame(JSON.stringify({ jsonrpc: "2.0", ...message })));
  }
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
