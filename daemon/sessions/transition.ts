/**
 * How a session moves from state to state: pure, and the only place that knows which moves exist.
 * Whatever moves a session calls `transition`, stores the answer, and only then tells anybody.
 */
import { OffshootError } from "../../protocol/errors.ts";
import {
  isLive,
  type LiveSession,
  type RunError,
  type Session,
  type SessionStatus,
  type TerminalStatus,
  type WaitingFor,
} from "../../protocol/session.ts";

export interface Ending {
  status: TerminalStatus;
  result?: string | undefined;
  error?: RunError | undefined;
  reason?: string | undefined;
}

export type Move =
  | { type: "enqueue"; runId: string }
  | { type: "start" }
  | { type: "restart"; attempt: number }
  | { type: "suspend"; waitingFor: WaitingFor }
  | { type: "wake" }
  | { type: "stall"; stalled: "stalled" | "moving" }
  | { type: "pause" }
  | { type: "resume" }
  | { type: "requeue" }
  | ({ type: "end" } & Ending)
  | { type: "stored" }
  | { type: "update"; fields: Partial<Pick<Session, "title" | "usage" | "treeUsage" | "limits">> };

/** The session after the move, one version on. An illegal move throws 1003 `invalidState`. */
export function transition(session: Session, move: Move, now: number): Session {
  const next = { ...common(session), version: session.version + 1, updatedAt: now };
  switch (move.type) {
    case "enqueue":
      if (isOpen(session)) return refuse(session, "queued");
      return { ...next, status: "queued", runId: move.runId, attempt: 1, queuedAt: now };
    case "start":
      if (session.status !== "queued") return refuse(session, "started");
      return { ...next, status: "running", ...runOf(session), ...started(now) };
    case "restart":
      if (session.status !== "running") return refuse(session, "restarted");
      return { ...next, status: "running", ...liveOf(session), attempt: move.attempt };
    case "suspend":
      // A suspended one may come to wait for something else.
      if (!isLive(session)) return refuse(session, "suspended");
      return {
        ...next,
        status: "suspended",
        ...liveOf(session),
        stalled: false,
        suspendedAt: session.status === "suspended" ? session.suspendedAt : now,
        waitingFor: move.waitingFor,
      };
    case "wake":
      if (session.status !== "suspended") return refuse(session, "woken");
      return { ...next, status: "running", ...liveOf(session), lastProgressAt: now };
    case "stall":
      if (session.status !== "running") return refuse(session, "called stalled");
      return {
        ...next,
        status: "running",
        ...liveOf(session),
        stalled: move.stalled === "stalled",
      };
    case "pause":
      if (session.status !== "queued" && !isLive(session)) return refuse(session, "paused");
      return {
        ...next,
        status: "paused",
        ...runOf(session),
        queuedAt: session.status === "queued" ? session.queuedAt : session.startedAt,
        pausedAt: now,
      };
    case "resume":
      if (session.status !== "paused") return refuse(session, "resumed");
      return { ...next, status: "queued", ...runOf(session), queuedAt: now };
    case "requeue":
      if (!isLive(session)) return refuse(session, "queued again");
      return {
        ...next,
        status: "queued",
        runId: session.runId,
        attempt: session.attempt + 1,
        queuedAt: now,
      };
    case "end":
      return end(session, next, move, now);
    case "stored":
      if (!("stored" in session)) return refuse(session, "marked as stored");
      return { ...session, ...next, stored: true };
    case "update":
      return { ...session, ...next, ...move.fields };
  }
}

function end(session: Session, next: Common, ending: Ending, now: number): Session {
  if (!("runId" in session) || "endedAt" in session) return refuse(session, "ended");
  const { status, result, error, reason } = ending;
  return {
    ...next,
    status,
    ...runOf(session),
    ...("startedAt" in session && { startedAt: session.startedAt }),
    endedAt: now,
    ...(result !== undefined && { result }),
    ...(error !== undefined && { error }),
    ...(reason !== undefined && { reason }),
    stored: true,
  };
}

type Common = ReturnType<typeof common>;

/** The fields that every state has. */
function common(session: Session) {
  return {
    id: session.id,
    kind: session.kind,
    parentId: session.parentId,
    rootId: session.rootId,
    depth: session.depth,
    title: session.title,
    agent: session.agent,
    ...(session.runner !== undefined && { runner: session.runner }),
    ...(session.model !== undefined && { model: session.model }),
    cwd: session.cwd,
    version: session.version,
    createdAt: session.createdAt,
    updatedAt: session.updatedAt,
    lastSeq: session.lastSeq,
    messageCount: session.messageCount,
    ...(session.adopted !== undefined && { adopted: session.adopted }),
    ...(session.toolUseId !== undefined && { toolUseId: session.toolUseId }),
    usage: session.usage,
    treeUsage: session.treeUsage,
    limits: session.limits,
  };
}

function runOf(session: { runId: string; attempt: number }) {
  return { runId: session.runId, attempt: session.attempt };
}

function started(now: number) {
  return { startedAt: now, lastHeartbeatAt: now, lastProgressAt: now, stalled: false };
}

function liveOf(session: LiveSession) {
  return {
    ...runOf(session),
    startedAt: session.startedAt,
    lastHeartbeatAt: session.lastHeartbeatAt,
    lastProgressAt: session.lastProgressAt,
    stalled: session.stalled,
    ...(session.activity !== undefined && { activity: session.activity }),
  };
}

/** A run of it is queued, held or under way. */
export function isOpen(session: Session): boolean {
  const open: readonly SessionStatus[] = ["queued", "running", "suspended", "paused"];
  return open.includes(session.status);
}

function refuse(session: Session, what: string): never {
  throw new OffshootError(
    "invalidState",
    `session ${session.id} cannot be ${what} while it is ${session.status}`,
    { status: session.status },
  );
}
