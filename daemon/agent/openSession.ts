/**
 * Opens sessions. Imported with the first such request, because what this imports would delay the
 * agent's first answer.
 */
import { isAbsolute, join } from "node:path";
import { RequestError } from "@agentclientprotocol/sdk";
import type {
  AgentContext,
  ClientCapabilities,
  LoadSessionRequest,
  NewSessionRequest,
} from "@agentclientprotocol/sdk";
import type { ModelMessage } from "ai";
import envPaths from "env-paths";
import { messagesOf } from "./conversation.ts";
import type { McpPool } from "./mcp.ts";
import { SessionMeta, isSessionId } from "./contract/meta.ts";
import { readMeta } from "./readMeta.ts";
import type { AskEditor } from "./model/editorModel.ts";
import { keyNamesOf } from "./contract/providers.ts";
import type { Redaction } from "../base/redaction.ts";
import type { Processes } from "../processes/processes.ts";
import { replayConversation } from "./replay.ts";
import { invalidParams } from "./requestErrors.ts";
import { AgentSession } from "./session.ts";
import { createSessionFile } from "./sessionFile.ts";
import { createSessionClient } from "./updates.ts";

/** Rejects with a RequestError that says what is wrong with the request. */
export async function openSession(parts: {
  sessionId: string;
  params: NewSessionRequest | LoadSessionRequest;
  /** Whether the session is loaded: from the client's history, or else from the session's file. */
  isLoaded: boolean;
  client: AgentContext;
  capabilities: () => ClientCapabilities | null | undefined;
  pool: McpPool;
  askEditor: AskEditor;
  redaction: Redaction;
  processes: Processes;
  environment: NodeJS.ProcessEnv;
}): Promise<AgentSession> {
  const { sessionId, params, isLoaded, pool, redaction, processes, environment } = parts;
  if (!isSessionId(sessionId)) throw RequestError.sessionNotFound(sessionId);
  if (!isAbsolute(params.cwd)) throw invalidParams("cwd must be an absolute path");
  const meta = readMeta(SessionMeta, params._meta);
  for (const name of keyNamesOf(meta.providers)) redaction.addKeyName(name);
  if (meta.apiKey !== undefined) redaction.addKey(meta.apiKey);
  const folder = meta.stateDir ?? environment["OFFSHOOT_AGENT_DIR"] ?? defaultFolder();
  const file = createSessionFile(folder, sessionId);
  const client = createSessionClient(parts);
  let messages: ModelMessage[] = messagesOf(meta.history ?? []);
  let modelName = meta.model ?? environment["OFFSHOOT_MODEL"] ?? "";
  if (isLoaded && meta.history === undefined) {
    const record = await file.load();
    if (record === undefined) throw RequestError.sessionNotFound(sessionId);
    messages = record.messages;
    modelName = meta.model ?? (record.model || modelName);
    replayConversation(messages, client);
  }
  return await AgentSession.open({
    cwd: params.cwd,
    meta,
    modelName,
    messages,
    scratchDir: join(folder, "scratch", sessionId),
    file,
    client,
    acquireMcp: () =>
      pool.acquire({
        servers: params.mcpServers,
        cwd: params.cwd,
        environment: meta.serverEnvironment ?? redaction.environmentWithoutKeys(),
        tree: meta.tree,
      }),
    askEditor: parts.askEditor,
    redaction,
    processes,
    environment,
  });
}

function defaultFolder(): string {
  const paths = envPaths("offshoot", { suffix: "" });
  // env-paths puts Linux's XDG_STATE_HOME under the name "log".
  return join(process.platform === "linux" ? paths.log : paths.data, "agent");
}
