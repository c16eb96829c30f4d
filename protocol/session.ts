/**
 * The home of the data: what a session is, in every state it can have.
 *
 * Times are `…At` in epoch milliseconds, durations end in `Ms`. A session is a union tagged by
 * `status`: a field that makes no sense in a state does not exist there.
 */
import * as z from "zod";
import { terminalStatuses } from "./states.ts";

export { isLive, isTerminal } from "./states.ts";

/** What was used, by one session or by a whole tree. Money in US dollars, the rest are counts. */
export const Usage = z
  .object({
    inputTokens: z.number().describe("tokens sent to the model, cached ones included"),
    outputTokens: z.number().describe("tokens that the model wrote"),
    cachedInputTokens: z.number().describe("the part of inputTokens that came from a cache"),
    costUsd: z.number().describe("money spent, in US dollars"),
    turns: z.number().describe("turns of a model or agent"),
    toolCalls: z.number().describe("tool calls"),
  })
  .meta({ id: "Usage", description: "What was used. A program without a model uses nothing." });
export type Usage = z.infer<typeof Usage>;

export const noUsage: Usage = Object.freeze({
  inputTokens: 0,
  outputTokens: 0,
  cachedInputTokens: 0,
  costUsd: 0,
  turns: 0,
  toolCalls: 0,
});

const count = z.number().int().nonnegative();
const duration = z.number().int().positive();

/** Bounds of a session and, except for the two time-outs of its own run, of the tree below it. */
export const Limits = z
  .object({
    maxTurns: count.optional().describe("turns, for the session and all its descendants"),
    timeoutMs: duration.optional().describe("total time of a run, suspended time not counted"),
    idleTimeoutMs: duration.optional().describe("time of a run without any event"),
    maxTokens: count.optional().describe("input and output tokens of the tree"),
    maxCostUsd: z.number().nonnegative().optional().describe("money of the tree, in US dollars"),
    maxToolCalls: count.optional().describe("tool calls of the tree"),
    maxChildren: count.optional().describe("children that the session may ever have"),
    maxDepth: count.optional().describe("greatest depth in the tree, a root has depth 0"),
  })
  .meta({
    id: "Limits",
    description: "Bounds. A child's are cut to what is left of its parent's. Absent: the default.",
  });
export type Limits = z.infer<typeof Limits>;

export const RunnerKind = z
  .enum(["command", "acp", "model"])
  .meta({ id: "RunnerKind", description: "What executes a run." });
export type RunnerKind = z.infer<typeof RunnerKind>;

/** Retryable ones are restarted by the default policy, the others end the run. */
export const retryableCodes = [
  "throttled",
  "network",
  "overloaded",
  "server_error",
  "runner_crashed",
] as const;

export const finalCodes = [
  "auth",
  "quota",
  "invalid_request",
  "aborted",
  "budget_exceeded",
  "max_turns",
  "refused",
  "exit_nonzero",
  "command_not_found",
  "cwd_not_found",
  "protocol_error",
  "internal",
] as const;

export const RunErrorCode = z
  .enum([...retryableCodes, ...finalCodes])
  .meta({ id: "RunErrorCode", description: "Why a run ended without success, as a type." });
export type RunErrorCode = z.infer<typeof RunErrorCode>;

export const RunError = z
  .object({
    code: RunErrorCode,
    message: z.string(),
    retryable: z.boolean().describe("whether trying the same again can help"),
    retryAfterMs: z.number().optional().describe("how long the provider asks to wait"),
    exitCode: z.number().int().optional().describe("exit code of a program, where it had one"),
    signal: z.string().optional().describe("signal that ended a program, where one did"),
  })
  .meta({ id: "RunError", description: "The error of a run or of one attempt of it." });
export type RunError = z.infer<typeof RunError>;

export const Activity = z
  .object({ kind: z.enum(["model", "tool", "process"]), label: z.string() })
  .meta({ id: "Activity", description: "What a live run does just now, for people to read." });
export type Activity = z.infer<typeof Activity>;

export const WaitingFor = z
  .object({
    kind: z.enum(["approval", "children", "input", "background", "retry"]),
    ids: z.array(z.string()),
    until: z.number().optional().describe("when a retry begins, in epoch milliseconds"),
  })
  .meta({ id: "WaitingFor", description: "What a suspended run waits for." });
export type WaitingFor = z.infer<typeof WaitingFor>;

const sessionFields = {
  id: z.string(),
  kind: z.enum(["root", "child"]),
  parentId: z.string().nullable().describe("null for a root"),
  rootId: z.string(),
  depth: z.number().int().describe("a root has 0"),
  title: z.string(),
  agent: z.string().describe("name of the agent profile; empty for a root"),
  runner: RunnerKind.optional(),
  model: z.string().optional(),
  cwd: z.string(),
  version: z.number().int().describe("grows by one with every stored change of this session"),
  createdAt: z.number(),
  updatedAt: z.number(),
  lastSeq: z.number().int().describe("number of its last stored event, 0 without any"),
  messageCount: z.number().int(),
  adopted: z.boolean().optional().describe("an outside agent started it, Offshoot shows it"),
  toolUseId: z.string().optional().describe("the tool call that an adopted session stands for"),
  usage: Usage.describe("its own, over all its runs"),
  treeUsage: Usage.describe("its own and that of all descendants"),
  limits: Limits,
};

const runFields = {
  runId: z.string(),
  attempt: z.number().int().describe("1, and one more with each restart inside the run"),
};

const inStatus = <Status extends string, Fields extends z.ZodRawShape>(
  status: Status,
  fields: Fields,
) => z.object({ ...sessionFields, status: z.literal(status), ...fields });

const terminalFields = {
  ...runFields,
  startedAt: z.number().optional().describe("absent when the run never started"),
  endedAt: z.number(),
  result: z.string().optional().describe("the last text that the agent said"),
  error: RunError.optional(),
  reason: z
    .string()
    .optional()
    .describe("why, where the status alone does not say it: host_restart, host_shutdown, …"),
  stored: z.boolean().describe("false while the store could not take this outcome"),
};

const liveFields = {
  ...runFields,
  startedAt: z.number(),
  lastHeartbeatAt: z.number().describe("when the run last showed that it is alive"),
  lastProgressAt: z.number().describe("when its last event happened"),
  stalled: z.boolean().describe("no progress for longer than stalledMs; a warning only"),
  activity: Activity.optional(),
};

export const Session = z
  .discriminatedUnion("status", [
    inStatus("created", {}),
    inStatus("queued", {
      ...runFields,
      queuedAt: z.number(),
      position: z.number().int().optional().describe("place in the queue of its root, 1 is next"),
    }),
    inStatus("running", liveFields),
    inStatus("suspended", { ...liveFields, suspendedAt: z.number(), waitingFor: WaitingFor }),
    inStatus("paused", { ...runFields, queuedAt: z.number(), pausedAt: z.number() }),
    inStatus("completed", terminalFields),
    inStatus("cancelled", terminalFields),
    inStatus("error", terminalFields),
    inStatus("timeout", terminalFields),
    inStatus("interrupted", terminalFields),
    inStatus("skipped", terminalFields),
  ])
  .meta({ id: "Session", description: "One agent's conversation with its state: a node." });
export type Session = z.infer<typeof Session>;

export type SessionStatus = Session["status"];
export type SessionIn<Status extends SessionStatus> = Extract<Session, { status: Status }>;

export const TerminalStatus = z
  .enum(terminalStatuses)
  .meta({ id: "TerminalStatus", description: "How a run can end." });
export type TerminalStatus = z.infer<typeof TerminalStatus>;

export const sessionStatuses = [
  "created",
  "queued",
  "running",
  "suspended",
  "paused",
  ...terminalStatuses,
] as const satisfies readonly SessionStatus[];
export const SessionStatus = z
  .enum(sessionStatuses)
  .meta({ id: "SessionStatus", description: "The states of a session." });

export type LiveSession = SessionIn<"running" | "suspended">;
export type TerminalSession = SessionIn<TerminalStatus>;

/** One message of a session's conversation. */
export const Message = z
  .object({
    n: z.number().int().describe("1, 2, 3 … within the session"),
    at: z.number(),
    role: z.enum(["user", "assistant"]),
    text: z.string(),
    runId: z.string().optional().describe("the run that wrote it, for an assistant's"),
  })
  .meta({ id: "Message", description: "One message of a session's conversation." });
export type Message = z.infer<typeof Message>;
