/** The daemon as clients meet it: `initialize`, the agents that it offers, and how it is. */
import * as z from "zod";
import { RunnerKind } from "./session.ts";

const id = z.string().min(1);

export const AgentInfo = z
  .object({
    name: z.string(),
    description: z.string(),
    runner: RunnerKind,
    model: z.string().optional(),
    source: z.string().describe("built-in, client, or the file that the profile comes from"),
    available: z.boolean(),
    reason: z.string().optional().describe("why it is not available, and what to do"),
  })
  .meta({ id: "AgentInfo", description: "An agent, and whether it can be used here." });
export type AgentInfo = z.infer<typeof AgentInfo>;

export const Health = z.enum(["ok", "degraded"]);
export type Health = z.infer<typeof Health>;

export const DaemonStatus = z
  .object({
    version: z.string(),
    protocolVersion: z.number().int(),
    pid: z.number().int(),
    startedAt: z.number(),
    stateDir: z.string(),
    logFile: z.string(),
    storeFile: z.string(),
    storeBytes: z.number(),
    clients: z.number().int(),
    queued: z.number().int(),
    running: z.number().int(),
    suspended: z.number().int(),
    sessions: z.number().int(),
    rssBytes: z.number(),
    eventLoopDelayMs: z
      .object({ p50: z.number(), p99: z.number(), max: z.number() })
      .optional()
      .describe("how late the core was since this was asked last, if that is not long ago"),
    limits: z.object({
      concurrency: z.object({ total: z.number(), perRoot: z.number() }),
      queue: z.object({ perRoot: z.number(), total: z.number() }),
      maxDepth: z.number(),
      maxChildren: z.number(),
      heartbeatMs: z.number(),
      stalledMs: z.number(),
      totalMs: z.number(),
      idleMs: z.number(),
      idleExitMs: z.number(),
    }),
    health: Health,
    message: z.string().optional().describe("what is wrong and what to do, when degraded"),
  })
  .meta({ id: "DaemonStatus", description: "How the core is." });
export type DaemonStatus = z.infer<typeof DaemonStatus>;

/** The part of `initialize` that is Offshoot's own. */
export const ClientOptions = z
  .object({
    protocolVersion: z.number().int().optional(),
    clientName: z.string().optional(),
    ui: z.enum(["tree", "lsp"]).optional(),
    workspaceTrusted: z
      .boolean()
      .optional()
      .describe("false: looks but runs nothing; absent: the user's agents; true: the workspace's"),
    settings: z
      .unknown()
      .optional()
      .describe("a Config; applies to what this client spawns, faults do not fail the request"),
    environment: z
      .record(z.string(), z.string())
      .optional()
      .describe(
        "the client's own, as far as runs get it (PATH, HOME, LANG …): counts for what it spawns; " +
          "the front adds that of its process where it is absent",
      ),
    run: z
      .object({ sessionId: id, runId: id })
      .optional()
      .describe("the run that this client is part of: its waits give the run's slot back"),
  })
  .meta({ id: "ClientOptions", description: "initializationOptions.offshoot" });
export type ClientOptions = z.infer<typeof ClientOptions>;

export const WorkspaceFolder = z
  .object({ uri: z.string(), name: z.string() })
  .meta({ id: "WorkspaceFolder", description: "A folder that a client works in; a file: URI." });

export const InitializeParams = z.object({
  processId: z.number().int().nullish(),
  clientInfo: z.object({ name: z.string(), version: z.string().optional() }).nullish(),
  rootUri: z.string().nullish(),
  rootPath: z.string().nullish(),
  workspaceFolders: z.array(WorkspaceFolder).nullish().describe("file: URIs"),
  capabilities: z.unknown().optional(),
  initializationOptions: z
    .object({ offshoot: ClientOptions.optional() })
    .nullish()
    .describe("Offshoot's own options stand under its name"),
  trace: z.string().nullish(),
});

export const InitializeResult = z.object({
  capabilities: z.object({
    executeCommandProvider: z.object({ commands: z.array(z.string()) }),
    workspace: z.unknown().optional(),
    experimental: z.object({
      offshoot: z.object({
        protocolVersion: z.number().int(),
        features: z.array(z.string()).describe("the requests that this core knows"),
        settingsFaults: z.array(z.string()).optional().describe("what is wrong in the settings"),
      }),
    }),
  }),
  serverInfo: z.object({ name: z.literal("offshoot"), version: z.string() }),
});
