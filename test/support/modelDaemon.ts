/** A real daemon whose built-in agent asks the scripted model server. */
import type { AgentProfile, Config } from "../../protocol/config.ts";
import type { AgentEvent } from "../../protocol/events.ts";
import type { ParamsOf } from "../../protocol/messages.ts";
import { startDaemon, type TestClient, type TestDaemon } from "./daemon.ts";
import { ourProcesses } from "./leaks.ts";
import { startModelServer, type ModelServer } from "./modelServer.ts";

/** Cancels have time to be heard, so that only what is stuck counts as stuck. */
const patientCancel = { termAfterMs: 5_000, killAfterMs: 5_000 };

export interface ModelDaemon {
  readonly daemon: TestDaemon;
  readonly client: TestClient;
  readonly server: ModelServer;
  /** Spawns a session of the agent "scripted" and answers its id. */
  spawn(prompt: string, more?: Partial<ParamsOf<"session/spawn">>): Promise<string>;
  /** The events of a session that were told so far. */
  events<Type extends AgentEvent["type"]>(
    sessionId: string,
    type: Type,
  ): Extract<AgentEvent, { type: Type }>[];
  /** All text that came in pieces. */
  said(sessionId: string): string;
  /** The agent hosts that live, of this daemon. */
  hostPids(): number[];
  stop(): Promise<void>;
}

export async function startModelDaemon(
  config: Config = {},
  profile: Partial<AgentProfile> = {},
): Promise<ModelDaemon> {
  const server = await startModelServer();
  const daemon = startDaemon({
    cancel: patientCancel,
    concurrency: { total: 20, perRoot: 20 },
    providers: { scripted: { kind: "openai-compatible", baseUrl: server.baseUrl } },
    agents: [
      {
        name: "scripted",
        model: "scripted/model",
        runner: { kind: "model" },
        restart: { backoffMs: 10 },
        ...profile,
      },
    ],
    ...config,
  });
  const client = await daemon.client();
  return {
    ...{ daemon, client, server },
    async spawn(prompt, more = {}) {
      const params = { prompt, agent: "scripted", cwd: daemon.work, ...more };
      return (await client.call("session/spawn", params)).session.id;
    },
    events: (sessionId, type) =>
      client
        .of("subAgent/event")
        .flatMap(({ childSessionId, event }) =>
          childSessionId === sessionId && event.type === type ? [event] : [],
        ) as never,
    said: (sessionId) =>
      client
        .of("subAgent/event")
        .map(({ childSessionId, event }) =>
          childSessionId === sessionId && event.type === "message.delta" ? event.text : "",
        )
        .join(""),
    hostPids: () =>
      ourProcesses().flatMap(({ pid, run }) => (run?.startsWith("host-") ? [pid] : [])),
    async stop() {
      await daemon.stop();
      await server.close();
    },
  };
}
