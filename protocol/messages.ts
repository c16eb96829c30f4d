/**
 * THE method table: every request, its answer and every notification, one beside the other.
 * Handlers (daemon/server.ts) and calls (any client in TypeScript) derive their types from it, so
 * that a missing handler or a wrong result does not compile. `npm run schema` writes
 * schema.json and docs/protocol.md from it. Fields may be added, none may change its meaning.
 */
import * as z from "zod";
import { Approval, ApprovalDecision, ApprovalRule } from "./approvals.ts";
import { AgentOverrides, Config } from "./config.ts";
import {
  AgentInfo,
  DaemonStatus,
  Health,
  InitializeParams,
  InitializeResult,
  WorkspaceFolder,
} from "./daemon.ts";
import { AgentEvent, StoredEvent } from "./events.ts";
import { ModelPart, OfferedModel } from "./models.ts";
import {
  Activity,
  Limits,
  Message,
  RunError,
  Session,
  SessionStatus,
  TerminalStatus,
  Usage,
} from "./session.ts";

const id = z.string().min(1);
const seq = z.number().int().nonnegative();
const pageSize = z.number().int().min(1).max(1000);
const nothing = z.object({});

const runOf = { parentSessionId: id, childSessionId: id, runId: id };

export const Completion = z
  .object({
    ...runOf,
    attempt: z.number().int(),
    completionSeq: z.number().int().describe("one gapless number for the whole store"),
    status: TerminalStatus,
    error: RunError.optional(),
    result: z.string().optional(),
    reason: z.string().optional(),
    usage: Usage,
    stored: z.boolean().describe("false: the store could not take it yet; it is tried again"),
    replayed: z.boolean().optional().describe("sent again, after a reconnect"),
  })
  .meta({ id: "Completion", description: "The one terminal outcome of a run." });
export type Completion = z.infer<typeof Completion>;

const request = <Params extends z.ZodType, Result extends z.ZodType>(
  params: Params,
  result: Result,
  doc: string,
) => ({ params, result, doc });

const notification = <Params extends z.ZodType>(params: Params, doc: string) => ({ params, doc });

const ofSession = z.object({ sessionId: id });
const answersSession = z.object({ session: Session });

const SpawnParams = z.object({
  parentId: id.optional().describe("default: the root of cwd, made if there is none"),
  prompt: z.string().min(1),
  agent: z.string().optional().describe("default: defaultAgent of the configuration"),
  title: z
    .string()
    .optional()
    .describe("default, also for an empty one: first line of the prompt, 60 characters"),
  model: z.string().optional(),
  cwd: z.string().optional().describe("absolute; default: the parent's"),
  limits: Limits.optional(),
  requestKey: z
    .string()
    .min(1)
    .optional()
    .describe("the same key always answers with the same session, also after a restart"),
  priority: z.number().int().min(-1000).max(1000).optional().describe("higher runs first; 0"),
  autoRun: z.boolean().optional().describe("false: created, until session/run or session/send"),
  overrides: AgentOverrides.optional(),
});

/** Requests, client → daemon. */
export const requests = {
  initialize: request(InitializeParams, InitializeResult, "Opens the connection."),
  shutdown: request(z.unknown(), z.null(), "Announces `exit`. The core and its runs go on."),

  "session/create": request(
    z.object({ title: z.string().optional(), cwd: z.string() }),
    answersSession,
    "Makes a root: the top of a tree, which the daemon never runs.",
  ),
  "session/spawn": request(
    SpawnParams,
    answersSession,
    "Stores a child session and queues its first run. Answered when it is on disk, not started.",
  ),
  "session/run": request(
    ofSession,
    answersSession,
    "Queues a new run. A live session answers 1003, a root 1011.",
  ),
  "session/send": request(
    z.object({ sessionId: id, text: z.string().min(1), interrupt: z.boolean().optional() }),
    z.object({ delivery: z.enum(["injected", "queued", "run"]) }),
    "A message: to the live run at its next turn (injected), kept for the next run (queued), or " +
      "starting one (run). `interrupt` ends what runs now.",
  ),
  "session/cancel": request(
    z.object({ sessionId: id, reason: z.string().optional() }),
    nothing,
    "Answers at once. The subtree ends, children first; siblings are untouched. Idempotent.",
  ),
  "session/pause": request(
    z.object({ sessionId: id, tree: z.boolean().optional() }),
    nothing,
    "Holds a queued session. A live one is paused at its next turn, where its agent has turns; an " +
      "agent without them answers 1003. With `tree`, whatever can be paused is.",
  ),
  "session/resume": request(
    z.object({ sessionId: id, tree: z.boolean().optional() }),
    nothing,
    "Queues a paused session again: the same run goes on.",
  ),
  "session/rename": request(
    z.object({ sessionId: id, title: z.string().trim().min(1).max(200) }),
    answersSession,
    "Gives a session another title. Roots can be renamed too.",
  ),
  "session/get": request(ofSession, answersSession, "One session as it is now."),
  "session/list": request(
    z.object({
      rootId: id.optional(),
      parentId: id.optional(),
      status: z.array(SessionStatus).optional(),
      cwd: z.string().optional(),
      text: z.string().optional().describe("found in title, agent or result, in any case"),
      cursor: z.string().optional(),
      limit: pageSize.optional().describe("default 100"),
    }),
    z.object({ sessions: z.array(Session), nextCursor: z.string().optional() }),
    "Sessions, newest first, page by page.",
  ),
  "session/messages": request(
    z.object({ sessionId: id, cursor: z.string().optional(), limit: pageSize.optional() }),
    z.object({ messages: z.array(Message), nextCursor: z.string().optional() }),
    "The conversation of a session, oldest first.",
  ),
  "session/events": request(
    z.object({ sessionId: id, after: seq.optional(), limit: pageSize.optional() }),
    z.object({ events: z.array(StoredEvent), lastSeq: seq }),
    "Stored events in order and without a gap. Ask again with `after` until you reach lastSeq.",
  ),
  "session/blob": request(
    z.object({ sessionId: id, blobId: id, offset: seq.optional() }),
    z.object({ text: z.string(), nextOffset: seq.optional() }),
    "The full text of something that was too large for its event, in parts of 256 KiB.",
  ),
  "session/wait": request(
    z.object({
      sessionIds: z.array(id).min(1).max(1000),
      until: z.enum(["all", "any", "firstError"]).optional().describe("default all"),
      timeoutMs: z.number().int().nonnegative().optional().describe("at most 6 hours"),
    }),
    z.object({
      completions: z.array(Completion),
      pending: z.array(id),
      timedOut: z.boolean(),
      escalated: z
        .array(z.object({ sessionId: id, error: RunError }))
        .optional()
        .describe("sessions that failed, stay alive, and need a message"),
    }),
    "Waits for ends. A run that waits for its children gives its slot back meanwhile.",
  ),
  "session/delete": request(
    ofSession,
    z.object({ deleted: z.number().int() }),
    "Cancels and removes a session with its subtree. Answered when it is gone.",
  ),

  "tree/subscribe": request(
    z.object({
      rootIds: z.array(id).optional().describe("default: every tree"),
      events: z.enum(["lifecycle", "all"]).optional().describe("all: subAgent/event too"),
      afterCompletion: seq.optional().describe("completions above it are sent again first"),
    }),
    z.object({
      sessions: z.array(Session).describe("parents before their children"),
      completionSeq: seq,
      nextCursor: z
        .string()
        .optional()
        .describe("there were too many: session/list has the older ended ones from here on"),
    }),
    "A snapshot and its watermark; then notifications follow. Replaces an earlier one.",
  ),
  "tree/unsubscribe": request(z.unknown(), nothing, "Ends the subscription of the tree."),
  "session/subscribe": request(
    z.object({ sessionId: id, after: seq.optional().describe("default: from the first") }),
    z.object({ lastSeq: seq }),
    "Every subAgent/event of one session from after + 1, without gap or repeat.",
  ),
  "session/unsubscribe": request(ofSession, nothing, "Ends the subscription of one session."),

  "approval/list": request(
    z.object({ rootId: id.optional() }),
    z.object({ approvals: z.array(Approval) }),
    "What waits for a person.",
  ),
  "approval/respond": request(
    z.object({
      approvalId: id,
      decision: ApprovalDecision,
      input: z.unknown().optional().describe("allowOnce: what to do instead of what was asked"),
      scope: z.enum(["cwd", "tree"]).optional().describe("where an always holds; default cwd"),
      message: z.string().optional().describe("why, for the agent to read"),
    }),
    nothing,
    "Answers an approval. The second answer gets 1010; what runs nothing, or runs itself, 1005.",
  ),
  "approval/rules": request(
    z.object({ cwd: z.string().optional(), rootId: id.optional() }),
    z.object({ rules: z.array(ApprovalRule) }),
    "The answers that were given for always, oldest first: all, or those of a folder or a tree.",
  ),
  "approval/removeRule": request(
    z.object({ ruleId: id }),
    nothing,
    "Removes a rule: from now on a person is asked again.",
  ),
  "agent/list": request(
    z.object({ cwd: z.string().optional() }),
    z.object({
      agents: z.array(AgentInfo),
      faults: z
        .array(z.string())
        .optional()
        .describe("what is wrong in the configuration: file, path and remedy"),
    }),
    "The agents that this client can spawn, and why one is not available.",
  ),
  "daemon/setApiKeys": request(
    z.object({
      apiKeys: z
        .record(z.string().min(1), z.string().nullable())
        .describe("by provider, such as anthropic; null forgets the key"),
    }),
    nothing,
    "Keys for the built-in agent's providers, from the client's secret store. They win over the " +
      "environment, are kept in the memory of the core only, and are never stored, logged or told.",
  ),
  "model/offer": request(
    z.object({ models: z.array(OfferedModel) }),
    nothing,
    "The models that this client lends to the built-in agent, as `vscode/<id>`; replaces what it " +
      "offered before. It is asked for them with `model/complete`.",
  ),
  "daemon/status": request(z.unknown(), DaemonStatus, "How the core is."),
  "daemon/prune": request(
    z.object({
      maxAgeMs: z.number().int().nonnegative().optional(),
      maxBytes: z.number().int().nonnegative().optional(),
    }),
    z.object({ deleted: z.number().int(), storeBytes: z.number() }),
    "Removes ended trees older than an age, or the oldest until the store has a size.",
  ),
  "daemon/stop": request(
    z.object({ runs: z.enum(["interrupt", "cancel"]).optional().describe("default interrupt") }),
    nothing,
    "Stops the core in order: no new work, live runs end, everything is stored, all processes end.",
  ),
  "workspace/executeCommand": request(
    z.object({ command: z.string(), arguments: z.array(z.unknown()).optional() }),
    z.unknown(),
    "`offshoot.<verb>` does what `session/<verb>` does, for editors without a plug-in. The one " +
      "argument is the params object; texts in its place are the prompt, or the session's id and " +
      "what else there is to say.",
  ),
} as const;

/** Notifications, daemon → client. */
export const notifications = {
  "subAgent/started": notification(
    z.object({ ...runOf, attempt: z.number().int(), session: Session }),
    "A run has started. Exactly once per run, before any other word of it.",
  ),
  "subAgent/event": notification(
    z.object({
      ...runOf,
      seq: z.number().int(),
      stored: z
        .literal(false)
        .optional()
        .describe("the store could not take it yet; after a crash its number may come again"),
      event: AgentEvent,
    }),
    "Something happened inside a run.",
  ),
  "subAgent/heartbeat": notification(
    z.object({
      ...runOf,
      timestamp: z.number(),
      lastProgressAt: z.number(),
      stalled: z.boolean(),
      activity: Activity.optional(),
      usage: Usage,
    }),
    "The run is alive. Every heartbeatMs, the first one at once.",
  ),
  "subAgent/completed": notification(
    Completion,
    "A run has ended. Exactly once per run, after every event of it, on disk before it is sent.",
  ),
  "session/changed": notification(
    z.object({ session: Session }),
    "An upsert. Ignore it when its version is not above the one you hold.",
  ),
  "session/removed": notification(
    z.object({ sessionIds: z.array(id) }),
    "These sessions are gone.",
  ),
  "approval/requested": notification(z.object({ approval: Approval }), "An agent asks a person."),
  "approval/resolved": notification(
    z.object({
      approvalId: id,
      decision: z.enum([...ApprovalDecision.options, "expired"]),
      by: z.string(),
    }),
    "It was answered (by a client, by `rule` or by `time-out`), or it expired with its run.",
  ),
  "approval/rulesChanged": notification(nothing, "A stored rule was made or removed."),
  "subAgent/gap": notification(
    z.object({ sessionId: id, from: seq, to: seq }),
    "This client was too slow for these events; session/events has them.",
  ),
  "daemon/restarted": notification(
    nothing,
    "Another core serves this connection now, because its own died. Subscriptions go on where " +
      "they were; what was removed in that moment is not told, so ask `tree/subscribe` again.",
  ),
  "daemon/statusChanged": notification(
    z.object({ health: Health, message: z.string().optional() }),
    "The health of the core has changed.",
  ),
} as const;

/** Notifications, client → daemon. An unknown one is ignored. */
export const clientNotifications = {
  initialized: notification(z.unknown(), "The client is ready."),
  exit: notification(z.unknown(), "Ends the front: exit code 0 after `shutdown`, 1 without."),
  "$/cancelRequest": notification(
    z.object({ id: z.union([z.number(), z.string()]) }),
    "The answer is no longer wanted: -32800.",
  ),
  "model/part": notification(
    z.object({ requestId: id, part: ModelPart }),
    "A part of the answer to `model/complete`: text as it comes, or a whole tool call.",
  ),
  "workspace/didChangeWorkspaceFolders": notification(
    z.object({
      event: z.object({ added: z.array(WorkspaceFolder), removed: z.array(WorkspaceFolder) }),
    }),
    "The folders that this client works in have changed.",
  ),
  "workspace/didChangeConfiguration": notification(
    z.object({ settings: z.object({ offshoot: Config.optional() }).nullish() }),
    "New settings for what this client spawns from now on.",
  ),
} as const;

export type RequestMethod = keyof typeof requests;
export type NotificationMethod = keyof typeof notifications;
export type ParamsOf<M extends RequestMethod> = z.infer<(typeof requests)[M]["params"]>;
export type ResultOf<M extends RequestMethod> = z.infer<(typeof requests)[M]["result"]>;
export type NotificationParams<M extends NotificationMethod> = z.infer<
  (typeof notifications)[M]["params"]
>;

/** A handler for every request: leaving one out, or answering wrongly, does not compile. */
export type RequestHandlers<Context> = {
  [M in RequestMethod]: (
    params: ParamsOf<M>,
    context: Context,
  ) => ResultOf<M> | Promise<ResultOf<M>>;
};
