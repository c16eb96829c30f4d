/**
 * The requests of one client: the life cycle of the connection, one parse, one handler, one answer
 * and one place where errors become answers.
 */
import { fileURLToPath } from "node:url";
import { resolve } from "node:path";
import { ResponseError, type CancellationToken, type MessageConnection } from "vscode-jsonrpc";
import { OffshootError, standardErrors } from "../../protocol/errors.ts";
import { clientNotifications, type ParamsOf, type ResultOf } from "../../protocol/messages.ts";
import { PROTOCOL_VERSION } from "../../protocol/version.ts";
import { call, commands, parse, type CoreHandlers } from "./call.ts";
import type { ClientRequests } from "./clientRequests.ts";
import { checkConfig, faultText, type LoadedConfig } from "../config/config.ts";
import type { EditorModels } from "./editorModels.ts";
import { messageOf } from "../base/errors.ts";
import { unsubscribeAll, type Client, type Hub } from "./hub.ts";
import { absolutePath, InvalidParams } from "../base/invalidParams.ts";
import type { Log } from "../base/log.ts";
import type { Outbound } from "./outbound.ts";
import { VERSION } from "../base/version.ts";

interface Parts {
  connection: MessageConnection;
  outbound: Outbound;
  clientRequests: ClientRequests;
  handlers: CoreHandlers;
  hub: Hub;
  editorModels: EditorModels;
  nextClientId: () => number;
  /** Called when the client sends `exit`. */
  onExit: () => void;
  log: Log;
}

export function serveClient(parts: Parts): void {
  const { connection, handlers, hub, log } = parts;
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
      unsubscribeAll(client);
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
    client = clientFrom(checked, parts);
    hub.add(client);
    connection.onDispose(() => {
      if (client === undefined) return;
      hub.remove(client);
      parts.editorModels.remove(client);
    });
    log.info({ client: client.name, clientId: client.id }, "a client has connected");
    return initializeResult(client, handlers);
  }

  connection.onRequest(async (method: string, params: unknown, token: CancellationToken) => {
    const abort = new AbortController();
    const cancelled = token.onCancellationRequested(() => abort.abort());
    const closed = connection.onDispose(() => abort.abort());
    try {
      // A cancel only cuts waits short: a request that has done its work is answered as usual.
      return await answer(method, params, abort.signal);
    } catch (error) {
      if (!abort.signal.aborted || error !== abort.signal.reason) {
        return responseErrorFrom(error, method, log);
      }
      return new ResponseError(standardErrors.requestCancelled, `${method} was cancelled`);
    } finally {
      cancelled.dispose();
      closed.dispose();
    }
  });

  connection.onNotification((method: string, params: unknown) => {
    if (method === "exit") parts.onExit();
    if (client === undefined) return;
    try {
      takeNotification(client, method, params, parts);
    } catch (err) {
      log.warn({ err, client: client.name, method }, "a notification of a client cannot be used");
    }
  });

  connection.onError(([err]) => log.warn({ err }, "a connection failed"));
  connection.listen();
}

/** Takes a notification of a client; one with wrong params can only be logged. */
function takeNotification(
  client: Client,
  method: string,
  params: unknown,
  { editorModels, log }: Parts,
): void {
  const { name } = client;
  switch (method) {
    case "model/part": {
      const part = clientNotifications[method].params.safeParse(params);
      if (part.success) editorModels.part(client, part.data.requestId, part.data.part);
      else log.warn({ client: name }, `wrong params of ${method}: ${part.error.message}`);
      return;
    }
    case "workspace/didChangeWorkspaceFolders": {
      const change = clientNotifications[method].params.safeParse(params);
      if (change.success) client.folders = changedFolders(client.folders, change.data.event);
      else log.warn({ client: name }, `wrong params of ${method}: ${change.error.message}`);
      return;
    }
    case "workspace/didChangeConfiguration": {
      const settings = (params as { settings?: { offshoot?: unknown } } | null)?.settings?.offshoot;
      // Editors send this for other settings as well, and some of them without any value.
      if (settings === undefined) return;
      client.settings = settingsOfClient(settings);
      for (const fault of client.settings.faults) log.warn({ client: name }, faultText(fault));
    }
  }
}

function changedFolders(
  before: readonly string[],
  { added, removed }: Record<"added" | "removed", { uri: string }[]>,
): string[] {
  const gone = new Set(pathsOf(removed));
  return [...new Set([...before.filter((folder) => !gone.has(folder)), ...pathsOf(added)])];
}

function isCoreMethod(method: string, handlers: CoreHandlers): method is keyof CoreHandlers {
  return Object.hasOwn(handlers, method);
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

function clientFrom(
  params: ParamsOf<"initialize">,
  { nextClientId, outbound, clientRequests }: Parts,
): Client {
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
    id: nextClientId(),
    name: options.clientName ?? params.clientInfo?.name ?? "unnamed",
    options,
    settings: settingsOfClient(options.settings),
    folders: foldersOf(params),
    outbound,
    requests: clientRequests,
    tree: undefined,
    sessions: new Map(),
  };
}

function settingsOfClient(settings: unknown): LoadedConfig {
  return checkConfig(settings ?? {}, "client settings");
}

function foldersOf({ workspaceFolders, rootUri, rootPath }: ParamsOf<"initialize">): string[] {
  const paths = pathsOf(workspaceFolders ?? (rootUri ? [{ uri: rootUri }] : []));
  return paths.length === 0 && rootPath ? [resolve(absolutePath(rootPath, "rootPath"))] : paths;
}

/** Only folders on this machine count. */
function pathsOf(folders: readonly { uri: string }[]): string[] {
  const files = folders.filter(({ uri }) => uri.startsWith("file:"));
  return files.map(({ uri }) => resolve(pathOfUri(uri)));
}

function pathOfUri(uri: string): string {
  try {
    return fileURLToPath(uri);
  } catch (cause) {
    const message = `${uri} is no path on this machine: ${messageOf(cause)}`;
    throw new InvalidParams([{ path: "workspaceFolders", message }]);
  }
}

function initializeResult({ settings }: Client, handlers: CoreHandlers): ResultOf<"initialize"> {
  const faults = settings.faults.map(faultText);
  return {
    capabilities: {
      executeCommandProvider: { commands: Object.keys(commands) },
      workspace: { workspaceFolders: { supported: true, changeNotifications: true } },
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
