/**
 * What a person can configure: in the user's file, in a trusted workspace's file, and, for what
 * one client spawns, in the settings that the client sends with `initialize`.
 */
import * as z from "zod";
import { Limits } from "./session.ts";

const positive = z.number().int().positive();
const counted = z.number().int().nonnegative();
const environment = z.record(z.string(), z.string());

export const PermissionMode = z.enum(["ask", "acceptEdits", "auto", "plan"]);
export type PermissionMode = z.infer<typeof PermissionMode>;

export const PermissionRule = z.strictObject({
  tool: z.string().describe("name of a tool, or * for any"),
  pattern: z.string().optional().describe("glob that the path or command must match"),
  decision: z.enum(["allow", "ask", "deny"]),
});

export const Permissions = z
  .strictObject({ mode: PermissionMode.optional(), rules: z.array(PermissionRule).optional() })
  .meta({ id: "Permissions", description: "What an agent may do without asking." });
export type Permissions = z.infer<typeof Permissions>;

export const McpServer = z
  .union([
    z.strictObject({
      command: z.string(),
      args: z.array(z.string()).optional(),
      env: environment.optional(),
    }),
    z.strictObject({ url: z.string(), headers: environment.optional() }),
  ])
  .meta({ id: "McpServer", description: "An MCP server, over stdio or over HTTP." });

const McpServers = z.record(z.string(), McpServer);

export const CommandRunner = z
  .strictObject({
    kind: z.literal("command"),
    command: z.string().min(1).describe("the program, looked up on PATH"),
    args: z
      .array(z.string())
      .optional()
      .describe('"{prompt}" in them is replaced, and "{sessionId}" by the id of the session'),
    resumeArgs: z
      .array(z.string())
      .optional()
      .describe(
        'instead of args in later runs, where the format told the id of the program\'s own session: it replaces "{agentSessionId}"',
      ),
    promptVia: z
      .enum(["arg", "stdin", "file"])
      .optional()
      .describe('default "arg"; with "file", "{prompt}" becomes the path of a file that holds it'),
    cwd: z.string().optional().describe("folder to run in, instead of the session's"),
    env: environment.optional().describe("added to the allowed part of the environment"),
    format: z
      .enum([
        "text",
        "claude-stream-json",
        "codex-json",
        "gemini-stream-json",
        "opencode-json",
        "qwen-stream-json",
        "pi-json",
      ])
      .optional()
      .describe('what the program prints; default "text"'),
  })
  .meta({ id: "CommandRunner", description: "Runs a program." });
export type CommandRunner = z.infer<typeof CommandRunner>;

export const AcpRunner = z
  .strictObject({
    kind: z.literal("acp"),
    command: z.string().min(1),
    args: z.array(z.string()).optional(),
    env: environment.optional(),
    mcpServers: McpServers.optional(),
  })
  .meta({ id: "AcpRunner", description: "Runs an agent over the Agent Client Protocol." });
export type AcpRunner = z.infer<typeof AcpRunner>;

export const ModelRunner = z
  .strictObject({
    kind: z.literal("model"),
    tools: z.array(z.string()).optional(),
    mcpServers: McpServers.optional(),
  })
  .meta({ id: "ModelRunner", description: "Runs the built-in agent on a model." });
export type ModelRunner = z.infer<typeof ModelRunner>;

export const RunnerConfig = z
  .discriminatedUnion("kind", [CommandRunner, AcpRunner, ModelRunner])
  .meta({ id: "RunnerConfig", description: "What executes the runs of an agent." });
export type RunnerConfig = z.infer<typeof RunnerConfig>;

export const RestartPolicy = z
  .strictObject({
    policy: z
      .enum(["default", "never", "escalate"])
      .optional()
      .describe("default: restart what is retryable; escalate: hand the error to the parent"),
    max: counted.optional().describe("restarts within one run, default 3"),
    backoffMs: positive.optional().describe("wait before the first restart, then doubled"),
    maxWaitMs: positive
      .optional()
      .describe("a provider that asks to wait longer ends the run as throttled, default 1 hour"),
  })
  .meta({ id: "RestartPolicy", description: "What to do when an attempt of a run fails." });
export type RestartPolicy = z.infer<typeof RestartPolicy>;

/** The fields of a profile that a single spawn may override, never wider than the profile's. */
export const AgentOverrides = z
  .strictObject({
    prompt: z.string().optional(),
    model: z.string().optional(),
    limits: Limits.optional(),
    permissions: Permissions.optional(),
    cwd: z.string().optional(),
    runner: RunnerConfig.optional(),
    restart: RestartPolicy.optional(),
    onHostRestart: z.enum(["interrupt", "resume"]).optional(),
  })
  .meta({ id: "AgentOverrides", description: "Fields of a profile, changed for one session." });
export type AgentOverrides = z.infer<typeof AgentOverrides>;

export const AgentProfile = z
  .strictObject({
    name: z.string().min(1),
    description: z.string().optional(),
    prompt: z.string().optional().describe("instructions that come before the session's prompt"),
    model: z.string().optional().describe("provider/model"),
    limits: Limits.optional(),
    permissions: Permissions.optional(),
    cwd: z.string().optional().describe("folder to run in, instead of the spawn's"),
    runner: RunnerConfig,
    restart: RestartPolicy.optional(),
    onHostRestart: z
      .enum(["interrupt", "resume"])
      .optional()
      .describe("what becomes of a live run when the core died under it; default interrupt"),
  })
  .meta({ id: "AgentProfile", description: "An agent that a session can be spawned with." });
export type AgentProfile = z.infer<typeof AgentProfile>;

export const Config = z
  .strictObject({
    agents: z.array(AgentProfile).optional(),
    defaultAgent: z.string().optional().describe('agent of a spawn that names none; "shell"'),
    defaultModel: z
      .string()
      .optional()
      .describe("provider/model of the built-in agent where nothing else names one"),
    concurrency: z
      .strictObject({ total: positive.optional(), perRoot: positive.optional() })
      .optional()
      .describe("runs at the same time; 6 in all, 4 per root"),
    limits: Limits.optional().describe("for every session that does not set its own"),
    queue: z
      .strictObject({ perRoot: positive.optional(), total: positive.optional() })
      .optional()
      .describe("bounds of the queue; 1,024 per root, 100,000 in all"),
    heartbeatMs: positive.optional().describe("default 5,000"),
    stalledMs: positive.optional().describe("default 300,000"),
    watchdog: z
      .strictObject({
        checkMs: positive.optional(),
        totalMs: positive.optional(),
        idleMs: positive.optional(),
      })
      .optional()
      .describe("defaults 15,000, 3,600,000 and 900,000"),
    cancel: z
      .strictObject({ termAfterMs: counted.optional(), killAfterMs: counted.optional() })
      .optional()
      .describe("TERM this long after the polite word (2,000), KILL this long after TERM (5,000)"),
    approvals: z.strictObject({ timeoutMs: positive.optional() }).optional(),
    permissions: Permissions.optional(),
    providers: z
      .record(
        z.string(),
        z.strictObject({
          kind: z.enum(["anthropic", "openai", "google", "openai-compatible"]),
          baseUrl: z.string().optional(),
          apiKeyEnv: z.string().optional(),
        }),
      )
      .optional(),
    mcpServers: McpServers.optional(),
    retention: z
      .strictObject({ maxAgeMs: positive.optional(), maxBytes: positive.optional() })
      .optional()
      .describe("ended trees older than this, or the oldest beyond this size, are removed; off"),
    store: z.string().optional().describe("store URI, sqlite://PATH; read when the core starts"),
    idleExitMs: positive
      .optional()
      .describe("the core exits after this time without clients and live runs; 600,000"),
  })
  .meta({ id: "Config", description: "The configuration file, and a client's settings." });
export type Config = z.infer<typeof Config>;
