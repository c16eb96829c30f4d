/**
 * What can happen inside a run. Every event is stored under its session with a number (`seq`)
 * that has no gaps over all runs of the session, and only then sent to clients. While the store fails
 * events are sent with `stored: false` and stored later.
 */
import * as z from "zod";
import { RunError, SessionStatus, Usage } from "./session.ts";

const event = <Type extends string, Fields extends z.ZodRawShape>(type: Type, fields: Fields) =>
  z.object({ type: z.literal(type), ...fields });

const Location = z.object({ path: z.string(), line: z.number().int().optional() });

export const ToolStatus = z.enum(["completed", "failed", "denied", "cancelled"]);

export const AgentEvent = z
  .discriminatedUnion("type", [
    event("turn.started", {}),
    event("turn.completed", { usage: Usage.optional(), finishReason: z.string() }),
    event("message.delta", { text: z.string() }),
    event("message", { role: z.enum(["user", "assistant"]), text: z.string() }),
    event("reasoning.delta", { text: z.string() }),
    event("tool.started", {
      toolUseId: z.string(),
      name: z.string(),
      title: z.string(),
      input: z.unknown(),
      kind: z.string(),
    }),
    event("tool.output", { toolUseId: z.string(), text: z.string() }),
    event("tool.completed", {
      toolUseId: z.string(),
      status: ToolStatus,
      output: z.unknown(),
      locations: z.array(Location).optional(),
    }),
    event("plan", {
      entries: z.array(
        z.object({
          text: z.string(),
          status: z.enum(["pending", "in_progress", "completed"]),
          priority: z.enum(["high", "medium", "low"]).optional(),
        }),
      ),
    }),
    event("usage", Usage.shape),
    event("budget", { limit: z.string(), used: z.number(), max: z.number() }),
    event("approval", { approvalId: z.string(), state: z.string() }),
    event("child", { childSessionId: z.string(), state: SessionStatus }),
    event("output", {
      stream: z.enum(["stdout", "stderr"]),
      text: z.string().describe("texts joined are the stream: line ends kept, no character cut"),
    }),
    event("retry", {
      attempt: z.number().int().describe("the attempt that begins after the wait"),
      inMs: z.number(),
      error: RunError,
    }),
    event("note", { level: z.enum(["info", "warning", "error"]), text: z.string() }),
    event("status", {
      from: SessionStatus,
      to: SessionStatus,
      reason: z.string().optional(),
    }),
  ])
  .meta({ id: "AgentEvent", description: "Something that happened inside a run." });
export type AgentEvent = z.infer<typeof AgentEvent>;

/** An event as it is stored: numbered, dated, and bound to the run that it happened in. */
export const StoredEvent = z
  .object({
    seq: z.number().int(),
    at: z.number(),
    runId: z.string(),
    event: AgentEvent,
  })
  .meta({ id: "StoredEvent", description: "An event with its number and time." });
export type StoredEvent = z.infer<typeof StoredEvent>;

/** A bigger event than this, in bytes of JSON, has its longest texts cut and kept in blobs. */
export const maxEventBytes = 256 * 1024;
