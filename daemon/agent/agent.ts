/**
 * The built-in agent speaks the Agent Client Protocol over stdio and serves many sessions at once.
 * The agent knows nothing of the core; any ACP editor can start it.
 */
import { randomUUID } from "node:crypto";
import { Readable } from "node:stream";
import type { Writable } from "node:stream";
import {
  agent,
  methods,
  ndJsonStream,
  PROTOCOL_VERSION,
  RequestError,
} from "@agentclientprotocol/sdk";
import type {
  AgentContext,
  ClientCapabilities,
  LoadSessionRequest,
  NewSessionRequest,
  SessionModeState,
} from "@agentclientprotocol/sdk";
import { createEditorLink } from "./editorLink.ts";
import { ownMethods } from "./contract/ownMethods.ts";
import { createMcpPool } from "./mcp.ts";
import { gatheredOutput } from "./output.ts";
import { modes } from "./permissions.ts";
import type { Mode } from "./permissions.ts";
import { createProcesses } from "../processes/processes.ts";
import { createRedaction } from "../base/redaction.ts";
import { invalidParams } from "./requestErrors.ts";
import { messageOf } from "../base/errors.ts";
import type { AgentSession } from "./session.ts";

export interface AgentParts {
  stdin: Readable;
  stdout: Writable;
  stderr: Writable;
  /** The only place that keys, OFFSHOOT_MODEL and OFFSHOOT_AGENT_DIR are read from. */
  environment: NodeJS.ProcessEnv;
  /** The version of the package. */
  version: string;
}

/** Resolves to the exit code when the connection has closed and every process has ended. */
export async function runAgent(parts: AgentParts): Promise<number> {
  const { stdin, stdout, stderr, environment, version } = parts;
  const redaction = createRedaction(environment);
  const warn = (_facts: object, sentence: string) => void stderr.write(`${sentence}\n`);
  const processes = createProcesses({ log: { warn, info: () => undefined } });
  const pool = createMcpPool(version, processes);
  const editorLink = createEditorLink();
  const sessions = new Map<string, AgentSession>();
  let capabilities: ClientCapabilities | null | undefined;

  const open = async (request: {
    sessionId: string;
    params: NewSessionRequest | LoadSessionRequest;
    client: AgentContext;
    isLoaded: boolean;
  }): Promise<{ modes: SessionModeState }> => {
    const { openSession } = await import("./openSession.ts");
    const session = await openSession({
      ...request,
      pool,
      askEditor: editorLink.askerOf(request.client, request.sessionId),
      redaction,
      processes,
      environment,
      capabilities: () => capabilities,
    });
    sessions.set(request.sessionId, session);
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
      await close(sessionId);
      return await open({ sessionId, params, client, isLoaded: true });
    })
    // The prompt begins without an `await` before it, so that a cancel right after it finds it
    // running.
    .onRequest(methods.agent.session.prompt, ({ params }) => known(params.sessionId).answer(params))
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
    })
    .onNotification(
      ownMethods.turnPart,
      (params) => params,
      ({ params }) => {
        editorLink.takePart(params);
      },
    );

  const input = Readable.toWeb(stdin) as ReadableStream<Uint8Array>;
  const connection = app.connect(ndJsonStream(gatheredOutput(stdout), input));
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
    // After a signal stdin is still open and would keep the process alive.
    stdin.destroy();
  }
}

function modeOf(id: string): Mode {
  const mode = modes.find((candidate) => candidate.id === id);
  if (mode !== undefined) return mode.id;
  throw invalidParams(
    `there is no mode "${id}"; there are: ${modes.map((one) => one.id).join(", ")}`,
  );
}
