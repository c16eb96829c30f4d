/**
 * The built-in agent: an agent of the Agent Client Protocol over stdio. It serves many sessions at
 * once and knows nothing of the core; any ACP editor can start it.
 */
import { randomUUID } from "node:crypto";
import { isAbsolute, join } from "node:path";
import { Readable, Writable } from "node:stream";
import { agent, methods, ndJsonStream, PROTOCOL_VERSION, RequestError } from "@agentclientprotocol/sdk";
import type {
  AgentContext,
  ClientCapabilities,
  LoadSessionRequest,
  NewSessionRequest,
  PromptRequest,
  PromptResponse,
  SessionModeState,
} from "@agentclientprotocol/sdk";
import type { ModelMessage } from "ai";
import envPaths from "env-paths";
import { messagesOf, textOfPrompt } from "./conversation.ts";
import { createMcpPool } from "./mcp.ts";
import { PromptMeta, SessionMeta, readMeta } from "./meta.ts";
import { keyNamesOf } from "./model/providers.ts";
import { modes } from "./permissions.ts";
import type { Mode } from "./permissions.ts";
import { createRedaction } from "./redaction.ts";
import { replayConversation } from "./replay.ts";
import { messageOf, toRequestError } from "./runErrors.ts";
import { createAgentSession } from "./session.ts";
import type { AgentSession } from "./session.ts";
import { createSessionFile, isSessionId } from "./sessionFile.ts";
import { createSessionClient } from "./updates.ts";

export interface AgentParts {
  stdin: Readable;
  stdout: Writable;
  stderr: Writable;
  /** Keys are read from it and nowhere else; OFFSHOOT_MODEL and OFFSHOOT_AGENT_DIR as well. */
  environment: NodeJS.ProcessEnv;
  /** Of the package. */
  version: string;
}

const defaultModel = "rehearsal/planner";

/** Resolves to the exit code when the client has gone and every process has ended. */
export async function runAgent(parts: AgentParts): Promise<number> {
  const { stdin, stdout, stderr, environment, version } = parts;
  const redaction = createRedaction(environment);
  const pool = createMcpPool({ environment: redaction.environmentWithoutKeys(), version });
  const sessions = new Map<string, AgentSession>();
  let capabilities: ClientCapabilities | null | undefined;

  const open = async (request: {
    sessionId: string;
    params: NewSessionRequest | LoadSessionRequest;
    client: AgentContext;
    isLoaded: boolean;
  }): Promise<{ modes: SessionModeState }> => {
    const { sessionId, params, isLoaded } = request;
    const meta = readMeta(SessionMeta, params._meta);
    for (const name of keyNamesOf(meta.providers)) redaction.addKeyName(name);
    if (!isAbsolute(params.cwd)) throw invalid("cwd must be an absolute path");
    const folder = meta.stateDir ?? environment["OFFSHOOT_AGENT_DIR"] ?? defaultFolder();
    const file = createSessionFile(folder, sessionId);
    const client = createSessionClient({
      client: request.client,
      sessionId,
      capabilities: () => capabilities,
      redaction,
    });
    let messages: ModelMessage[] = messagesOf(meta.history ?? []);
    let modelName = meta.model ?? environment["OFFSHOOT_MODEL"] ?? defaultModel;
    if (isLoaded && meta.history === undefined) {
      const record = await file.load();
      if (record === undefined) throw RequestError.sessionNotFound(sessionId);
      messages = record.messages;
      modelName = meta.model ?? record.model;
      replayConversation(messages, client);
    }
    const session = await createAgentSession({
      cwd: params.cwd,
      meta,
      modelName,
      messages,
      scratchDir: join(folder, "scratch", sessionId),
      file,
      client,
      acquireMcp: () => pool.acquire(params.mcpServers, params.cwd),
      redaction,
      environment,
      now: () => Date.now(),
    });
    sessions.set(sessionId, session);
    return { modes: { currentModeId: session.mode, availableModes: [...modes] } };
  };

  const known = (sessionId: string) => {
    const session = sessions.get(sessionId);
    if (session === undefined) throw RequestError.sessionNotFound(sessionId);
    return session;
  };

  const close = async (sessionId: string) => {
    const session = sessions.get(sessionId);
    sessions.delete(sessionId);
    await session?.close();
  };

  const app = agent({ name: "offshoot" })
    .onRequest(methods.agent.initialize, ({ params }) => {
      capabilities = params.clientCapabilities;
      return {
        protocolVersion: PROTOCOL_VERSION,
        agentInfo: { name: "offshoot", title: "Offshoot's built-in agent", version },
        agentCapabilities: {
          loadSession: true,
          mcpCapabilities: { http: true, sse: false },
          promptCapabilities: { embeddedContext: true, image: false, audio: false },
          sessionCapabilities: { close: {} },
        },
        authMethods: [],
      };
    })
    .onRequest(methods.agent.session.new, async ({ params, client }) => {
      const sessionId = randomUUID();
      return { sessionId, ...(await open({ sessionId, params, client, isLoaded: false })) };
    })
    .onRequest(methods.agent.session.load, async ({ params, client }) => {
      const { sessionId } = params;
      if (!isSessionId(sessionId)) throw RequestError.sessionNotFound(sessionId);
      await close(sessionId);
      return await open({ sessionId, params, client, isLoaded: true });
    })
    .onRequest(methods.agent.session.prompt, ({ params }) => answer(known(params.sessionId), params))
    .onRequest(methods.agent.session.setMode, ({ params }) => {
      known(params.sessionId).setMode(modeOf(params.modeId));
      return {};
    })
    .onRequest(methods.agent.session.close, async ({ params }) => {
      known(params.sessionId);
      await close(params.sessionId);
      return {};
    })
    .onNotification(methods.agent.session.cancel, ({ params }) => {
      sessions.get(params.sessionId)?.cancel();
    });

  const input = Readable.toWeb(stdin) as ReadableStream<Uint8Array>;
  const output = Writable.toWeb(stdout) as WritableStream<Uint8Array>;
  const connection = app.connect(ndJsonStream(output, input));
  const stop = () => connection.close();
  process.once("SIGTERM", stop).once("SIGINT", stop);
  try {
    await connection.closed;
    return 0;
  } catch (error) {
    stderr.write(`offshoot agent: ${redaction.redact(messageOf(error))}\n`);
    return 1;
  } finally {
    process.off("SIGTERM", stop).off("SIGINT", stop);
    await Promise.all([...sessions.keys()].map(close));
  }
}

async function answer(session: AgentSession, params: PromptRequest): Promise<PromptResponse> {
  const meta = readMeta(PromptMeta, params._meta);
  const text = textOfPrompt(params.prompt);
  try {
    if (meta.inject !== true) return await session.prompt(text);
  } catch (error) {
    throw toRequestError(error, {});
  }
  const injected = session.inject(text);
  return { stopReason: "end_turn", _meta: { offshoot: { injected } } };
}

function modeOf(id: string): Mode {
  const mode = modes.find((candidate) => candidate.id === id);
  if (mode !== undefined) return mode.id;
  throw invalid(`there is no mode "${id}"; there are: ${modes.map((one) => one.id).join(", ")}`);
}

function invalid(sentence: string): RequestError {
  return RequestError.invalidParams({ code: "invalid_request", retryable: false }, sentence);
}

function defaultFolder(): string {
  const paths = envPaths("offshoot", { suffix: "" });
  // env-paths puts Linux's XDG_STATE_HOME under the name "log".
  return join(process.platform === "linux" ? paths.log : paths.data, "agent");
}
