/**
 * The requests of one client: the life cycle of the connection, one parse, one handler, one answer
 * and one place where errors become answers.
 */
import { fileURLToPath } from "node:url";
import { resolve } from "node:path";
import { ResponseError, type CancellationToken, type MessageConnection } from "vscode-jsonrpc";
import type * as z from "zod";
import { OffshootError, standardErrors } from "../protocol/errors.ts";
import {
  requests,
  type ParamsOf,
  type RequestHandlers,
  type RequestMethod,
  type ResultOf,
} from "../protocol/messages.ts";
import { PROTOCOL_VERSION } from "../protocol/version.ts";
import { checkConfig, faultText, pathText } from "./config.ts";
import type { Client, Hub } from "./hub.ts";
import { InvalidParams } from "./invalidParams.ts";
import type { Log } from "./log.ts";
import type { Outbound } from "./outbound.ts";
import { VERSION } from "./version.ts";

/** What a handler knows besides its params. */
export interface RequestContext {
  client: Client;
  /** Aborted when the client no longer wants the answer, or is gone. */
  signal: AbortSignal;
}

/** All requests but those of the connection's own life cycle. */
export type CoreHandlers = Omit<RequestHandlers<RequestContext>, "initialize" | "shutdown">;

interface Parts {
  connection: MessageConnection;
  outbound: Outbound;
  handlers: CoreHandlers;
  hub: Hub;
  nextClientId: () => number;
  /** The client has said `exit`. */
  onExit: () => void;
  log: Log;
}

/** Notifications wait until the answer to one of these is out: it comes before what it causes. */
const answeredFirst: ReadonlySet<string> = new Set<RequestMethod>([
  "session/create",
  "session/spawn",
  "session/run",
  "session/send",
  "tree/subscribe",
  "session/subscribe",
  "workspace/executeCommand",
]);

export function serveClient(parts: Parts): void {
  const { connection, outbound, handlers, hub, log } = parts;
  let client: Client | undefined;
  let isShutDown = false;

  async function answer(method: string, params: unknown, signal: AbortSignal): Promise<unknown> {
    if (method === "initialize") return initialize(params);
    if (client === undefined) {
      const message = `send initialize before ${method}`;
      throw new ResponseError(standardErrors.serverNotInitialized, message);
    }
    if (isShutDown) {
      const message = `after shutdown only exit is allowed, got ${method}`;
      throw new ResponseError(standardErrors.invalidRequest, message);
    }
    if (method === "shutdown") {
      isShutDown = true;
      return null;
    }
    if (!isCoreMethod(method, handlers)) {
      throw new ResponseError(standardErrors.methodNotFound, `there is no request ${method}`);
    }
    return await call(handlers, method, params, { client, signal });
  }

  function initialize(params: unknown): ResultOf<"initialize"> {
    if (client !== undefined || isShutDown) {
      const message = "initialize was sent before on this connection";
      throw new ResponseError(standardErrors.invalidRequest, message);
    }
    const checked = parse("initialize", params);
    client = clientFrom(checked, parts.nextClientId(), outbound);
    hub.add(client);
    connection.onDispose(() => client && hub.remove(client));
    log.info({ client: client.name, clientId: client.id }, "a client has connected");
    return initializeResult(checked, handlers);
  }

  connection.onRequest(async (method: string, params: unknown, token: CancellationToken) => {
    const abort = new AbortController();
    const cancelled = token.onCancellationRequested(() => abort.abort());
    const closed = connection.onDispose(() => abort.abort());
    const release = answeredFirst.has(method) ? outbound.hold() : undefined;
    try {
      const result = await answer(method, params, abort.signal);
      if (!token.isCancellationRequested) return result;
      return new ResponseError(standardErrors.requestCancelled, `${method} was cancelled`);
    } catch (error) {
      return responseErrorFrom(error, method, log);
    } finally {
      cancelled.dispose();
      closed.dispose();
      // The answer is written in this turn of the event loop, so the next one is late enough.
      if (release !== undefined) setImmediate(release);
    }
  });

  connection.onNotification((method: string, params: unknown) => {
    if (method === "exit") parts.onExit();
    if (method !== "workspace/didChangeConfiguration" || client === undefined) return;
    const settings = (params as { settings?: { offshoot?: unknown } } | undefined)?.settings;
    const { config, faults } = checkConfig(settings?.offshoot ?? {}, "client settings");
    client.settings = config;
    for (const fault of faults) log.warn({ client: client.name }, faultText(fault));
  });

  connection.onError(([err]) => log.warn({ err }, "a connection failed"));
  connection.listen();
}

function isCoreMethod(method: string, handlers: CoreHandlers): method is keyof CoreHandlers {
  return Object.hasOwn(handlers, method);
}

/** Parses once at the edge; inside, types are trusted. */
export async function call<M extends keyof CoreHandlers>(
  handlers: CoreHandlers,
  method: M,
  params: unknown,
  context: RequestContext,
): Promise<unknown> {
  return await handlers[method](parse(method, params), context);
}

function parse<M extends RequestMethod>(method: M, params: unknown): ParamsOf<M> {
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

/** The one error edge: known errors keep code and data, the stack of others goes to the log only. */
function responseErrorFrom(error: unknown, method: string, log: Log): ResponseError<unknown> {
  if (error instanceof ResponseError) return error;
  if (error instanceof OffshootError)
    return new ResponseError(error.code, error.message, error.data);
  if (error instanceof InvalidParams) {
    const message = `wrong params of ${method}: ${error.message}`;
    return new ResponseError(standardErrors.invalidParams, message, { issues: error.issues });
  }
  log.error({ err: error, method }, "a request failed");
  const message = `${method} failed inside the core: ${String(error)}. The log has the details.`;
  return new ResponseError(standardErrors.internalError, message);
}

function clientFrom(params: ParamsOf<"initialize">, id: number, outbound: Outbound): Client {
  const options = params.initializationOptions?.offshoot ?? {};
  const asked = options.protocolVersion ?? PROTOCOL_VERSION;
  if (asked !== PROTOCOL_VERSION) {
    throw new OffshootError(
      "versionMismatch",
      `the client speaks version ${asked} of the protocol, this core version ${PROTOCOL_VERSION}`,
      {
        client: { protocolVersion: asked },
        core: { version: VERSION, protocolVersion: PROTOCOL_VERSION },
      },
    );
  }
  return {
    id,
    name: options.clientName ?? params.clientInfo?.name ?? "unnamed",
    options,
    settings: checkConfig(options.settings ?? {}, "client settings").config,
    folders: foldersOf(params),
    outbound,
    tree: undefined,
    sessions: new Set(),
  };
}

function foldersOf({ workspaceFolders, rootUri, rootPath }: ParamsOf<"initialize">): string[] {
  const uris = workspaceFolders?.map(({ uri }) => uri) ?? (rootUri ? [rootUri] : []);
  const paths = uris.filter((uri) => uri.startsWith("file:")).map((uri) => fileURLToPath(uri));
  if (paths.length === 0 && rootPath) paths.push(rootPath);
  return paths.map((path) => resolve(path));
}

function initializeResult(
  params: ParamsOf<"initialize">,
  handlers: CoreHandlers,
): ResultOf<"initialize"> {
  const settings = params.initializationOptions?.offshoot?.settings ?? {};
  const faults = checkConfig(settings, "client settings").faults.map(faultText);
  return {
    capabilities: {
      executeCommandProvider: { commands: Object.keys(commandMethods) },
      workspace: { workspaceFolders: { supported: true, changeNotifications: false } },
      experimental: {
        offshoot: {
          protocolVersion: PROTOCOL_VERSION,
          features: Object.keys(handlers),
          ...(faults.length > 0 && { settingsFaults: faults }),
        },
      },
    },
    serverInfo: { name: "offshoot", version: VERSION },
  };
}

/** `workspace/executeCommand`: the commands, and the requests that they stand for. */
export const commandMethods = {
  "offshoot.spawn": "session/spawn",
  "offshoot.run": "session/run",
  "offshoot.send": "session/send",
  "offshoot.cancel": "session/cancel",
  "offshoot.pause": "session/pause",
  "offshoot.resume": "session/resume",
  "offshoot.list": "session/list",
  "offshoot.delete": "session/delete",
  "offshoot.agents": "agent/list",
  "offshoot.status": "daemon/status",
} as const satisfies Record<string, keyof CoreHandlers>;
