/** A client of the Agent Client Protocol with the real agent in a process of its own. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { Readable, Writable } from "node:stream";
import { client as acpClient, methods, ndJsonStream } from "@agentclientprotocol/sdk";
import type {
  ClientCapabilities,
  ClientContext,
  InitializeResponse,
  McpServer,
  NewSessionRequest,
  PromptResponse,
  RequestPermissionRequest,
  RequestPermissionResponse,
  SessionNotification,
  SessionUpdate,
} from "@agentclientprotocol/sdk";
import type { ModelServer } from "../support/modelServer.ts";
import { testFolder } from "../support/testFolder.ts";

export interface TestAgent {
  readonly agent: ClientContext;
  readonly pid: number;
  readonly initialized: InitializeResponse;
  readonly stderr: () => string;
  /** Everything that came over stdout, as it came. */
  readonly stdout: () => string;
  /** Folder of its session files. */
  readonly stateDir: string;
  open(options?: OpenOptions): Promise<TestSession>;
  /** Closes its stdin and waits until it has exited. Answers its exit code. */
  end(): Promise<number | null>;
}

export interface OpenOptions {
  cwd?: string;
  meta?: Record<string, unknown>;
  mcpServers?: McpServer[];
  /** Loads this session instead of beginning a new one. */
  sessionId?: string;
  permission?: (request: RequestPermissionRequest) => Promise<RequestPermissionResponse>;
}

export interface TestSession {
  readonly id: string;
  readonly cwd: string;
  readonly updates: SessionUpdate[];
  readonly asked: RequestPermissionRequest[];
  prompt(text: string, meta?: Record<string, unknown>): Promise<PromptResponse>;
  cancel(): Promise<void>;
  close(): Promise<void>;
  /** The agent's texts, joined. */
  text(): string;
  /** Updates of this kind. */
  of<Kind extends SessionUpdate["sessionUpdate"]>(
    kind: Kind,
  ): Extract<SessionUpdate, { sessionUpdate: Kind }>[];
  /** The last state of every tool call, by the order of the calls. */
  calls(): ToolState[];
}

export interface ToolState {
  name?: string | null;
  title?: string | null;
  kind?: string | null;
  status?: string | null;
  rawInput?: unknown;
  rawOutput?: unknown;
  content?: unknown;
  locations?: unknown;
  _meta?: Record<string, unknown> | null;
}

const entry = join(import.meta.dirname, "agentMain.ts");

/** A folder for a suite, which calls `removeFolders` in its last hook. */
export function newFolder(name: string): string {
  const root = join(testFolder, "agents");
  mkdirSync(root, { recursive: true });
  return mkdtempSync(join(root, `${name}-`));
}

export function removeFolders(): void {
  rmSync(join(testFolder, "agents"), { recursive: true, force: true });
}

/** What nobody has waited for is a zombie: it still has its number and runs no more. */
export function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0);
    if (process.platform !== "linux") return true;
    return !/\) [ZX] /.test(readFileSync(`/proc/${pid}/stat`, "utf8"));
  } catch {
    return false;
  }
}

export function allow(meta?: Record<string, unknown>): RequestPermissionResponse {
  return {
    outcome: { outcome: "selected", optionId: "allow-once" },
    ...(meta === undefined ? {} : { _meta: { offshoot: meta } }),
  };
}

export function deny(message?: string): RequestPermissionResponse {
  return {
    outcome: { outcome: "selected", optionId: "reject-once" },
    ...(message === undefined ? {} : { _meta: { offshoot: { message } } }),
  };
}

/** Which `_meta.offshoot` makes the agent use the scripted server. */
export function scripted(server: ModelServer, more: Record<string, unknown> = {}) {
  return {
    model: "scripted/model",
    providers: { scripted: { kind: "openai-compatible", baseUrl: server.baseUrl } },
    ...more,
  };
}

export async function startAgent(
  environment: Record<string, string> = {},
  clientCapabilities: ClientCapabilities = {},
): Promise<TestAgent> {
  const stateDir = newFolder("agent");
  const child = spawn(process.execPath, [entry], {
    env: { ...process.env, OFFSHOOT_AGENT_DIR: stateDir, ...environment },
    stdio: ["pipe", "pipe", "pipe"],
  });
  let stderr = "";
  let stdout = "";
  child.stderr.setEncoding("utf8").on("data", (text: string) => (stderr += text));
  child.stdout.on("data", (chunk: Buffer) => (stdout += chunk.toString()));
  const sessions = new Map<string, TestSession & Pick<OpenOptions, "permission">>();
  // Updates may come before the answer that names their session.
  const early: SessionNotification[] = [];
  const take = (notification: SessionNotification) => {
    const session = sessions.get(notification.sessionId);
    if (session === undefined) early.push(notification);
    else session.updates.push(notification.update);
  };
  const app = acpClient({ name: "test" })
    .onNotification(methods.client.session.update, ({ params }) => take(params))
    .onRequest(methods.client.session.requestPermission, async ({ params }) => {
      const session = sessions.get(params.sessionId);
      session?.asked.push(params);
      return (await session?.permission?.(params)) ?? { outcome: { outcome: "cancelled" } };
    });
  const input = Readable.toWeb(child.stdout) as ReadableStream<Uint8Array>;
  const output = Writable.toWeb(child.stdin) as WritableStream<Uint8Array>;
  const connection = app.connect(ndJsonStream(output, input));
  const { agent } = connection;
  const begin = async (params: NewSessionRequest) =>
    (await agent.request(methods.agent.session.new, params)).sessionId;
  const initialized = await agent.request(methods.agent.initialize, {
    protocolVersion: 1,
    clientCapabilities,
  });

  return {
    agent,
    pid: child.pid ?? 0,
    initialized,
    stderr: () => stderr,
    stdout: () => stdout,
    stateDir,
    async open({
      cwd = newFolder("work"),
      meta = {},
      mcpServers = [],
      sessionId,
      permission,
    } = {}) {
      const params = { cwd, mcpServers, _meta: { offshoot: meta } };
      const known = sessionId === undefined ? undefined : createSession(agent, sessionId, cwd);
      if (known !== undefined) sessions.set(known.id, { ...known, ...given(permission) });
      if (sessionId !== undefined) {
        await agent.request(methods.agent.session.load, { sessionId, ...params });
      }
      const id = sessionId ?? (await begin(params));
      const session = known ?? createSession(agent, id, cwd);
      sessions.set(id, { ...session, ...given(permission) });
      for (const notification of early.splice(0)) take(notification);
      return session;
    },
    async end() {
      const exited = child.exitCode === null ? once(child, "exit") : undefined;
      connection.close();
      child.stdin.end();
      await exited;
      return child.exitCode;
    },
  };
}

function given(permission: OpenOptions["permission"]): Pick<OpenOptions, "permission"> {
  return permission === undefined ? {} : { permission };
}

function createSession(agent: ClientContext, id: string, cwd: string): TestSession {
  const updates: SessionUpdate[] = [];
  const session: TestSession = {
    id,
    cwd,
    updates,
    asked: [],
    prompt: (text, meta) =>
      agent.request(methods.agent.session.prompt, {
        sessionId: id,
        prompt: [{ type: "text", text }],
        ...(meta === undefined ? {} : { _meta: { offshoot: meta } }),
      }),
    cancel: () => agent.notify(methods.agent.session.cancel, { sessionId: id }),
    async close() {
      await agent.request(methods.agent.session.close, { sessionId: id });
    },
    text: () =>
      session
        .of("agent_message_chunk")
        .map(({ content }) => (content.type === "text" ? content.text : ""))
        .join(""),
    of: (kind) =>
      updates.filter(
        (update): update is Extract<SessionUpdate, { sessionUpdate: typeof kind }> =>
          update.sessionUpdate === kind,
      ),
    calls() {
      const states = new Map<string, ToolState>();
      for (const update of updates) {
        if (update.sessionUpdate !== "tool_call" && update.sessionUpdate !== "tool_call_update") {
          continue;
        }
        const { toolCallId, sessionUpdate: _kind, ...fields } = update;
        states.set(toolCallId, { ...states.get(toolCallId), ...fields });
      }
      return [...states.values()];
    },
  };
  return session;
}
