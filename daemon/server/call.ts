/** One call of a request: its params are parsed once, then its handler runs. */
import type * as z from "zod";
import {
  requests,
  type ParamsOf,
  type RequestHandlers,
  type RequestMethod,
} from "../../protocol/messages.ts";
import { pathText } from "../config/config.ts";
import { InvalidParams } from "../base/invalidParams.ts";
import type { Client } from "./hub.ts";

/** What a handler is given besides its params. */
export interface RequestContext {
  client: Client;
  /** Aborted when the client no longer wants the answer, or is gone. */
  signal: AbortSignal;
}

/** All requests but those of the connection's own life cycle. */
export type CoreHandlers = Omit<RequestHandlers<RequestContext>, "initialize" | "shutdown">;

/** Parses once at the edge; inside, types are trusted. */
export async function call<M extends keyof CoreHandlers>(
  handlers: CoreHandlers,
  method: M,
  params: unknown,
  context: RequestContext,
): Promise<unknown> {
  return await handlers[method](parse(method, params), context);
}

export function parse<M extends RequestMethod>(method: M, params: unknown): ParamsOf<M> {
  const schema: z.ZodType = requests[method].params;
  const result = schema.safeParse(params ?? {});
  if (result.success) return result.data as ParamsOf<M>;
  throw new InvalidParams(
    result.error.issues.map(({ path, message }) => ({
      path: pathText(path).replace(/^\./, ""),
      message,
    })),
  );
}

/**
 * `workspace/executeCommand`: the request that each command stands for, and the params that its
 * arguments stand for where they are texts.
 */
export const commands = {
  "offshoot.spawn": { method: "session/spawn", texts: ["prompt", "agent"] },
  "offshoot.run": { method: "session/run", texts: ["sessionId"] },
  "offshoot.send": { method: "session/send", texts: ["sessionId", "text"] },
  "offshoot.cancel": { method: "session/cancel", texts: ["sessionId", "reason"] },
  "offshoot.pause": { method: "session/pause", texts: ["sessionId"] },
  "offshoot.resume": { method: "session/resume", texts: ["sessionId"] },
  "offshoot.list": { method: "session/list", texts: ["text"] },
  "offshoot.delete": { method: "session/delete", texts: ["sessionId"] },
  "offshoot.agents": { method: "agent/list", texts: ["cwd"] },
  "offshoot.status": { method: "daemon/status", texts: [] },
} as const satisfies Record<string, { method: keyof CoreHandlers; texts: readonly string[] }>;
