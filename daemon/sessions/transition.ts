/**
 * How a session moves from state to state: pure, and the only place that knows which moves exist.
 * Whatever moves a session calls `transition`, stores the answer, and only then notifies anybody.
 */
import { OffshootError } from "../../protocol/errors.ts";
import {
  sessionStatuses,
  type LiveSession,
  type Session,
  type SessionIn,
  type SessionStatus,
  type WaitingFor,
} from "../../protocol/session.ts";
import { terminalStatuses } from "../../protocol/states.ts";
import type { Ending } from "./endings.ts";

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
  | { type: "update"; fields: Partial<Pick<Session, "title" | "usage" | "treeUsage">> };

/** A run of the session is queued, held or under way. */
const open = ["queued", "running", "suspended", "paused"] as const;

/**
 * The moves: the states that each leads from and to, and the word of its refusal. The chart in
 * ARCHITECTURE.md is written from this table.
 */
export const sessionMoves = {
  enqueue: { from: ["created", ...terminalStatuses], to: "queued", word: "queued" },
  start: { from: ["queued"], to: "running", word: "started" },
  restart: { from: ["running"], to: "running", word: "restarted" },
  // A suspended session may come to wait for something else.
  suspend: { from: ["running", "suspended"], to: "suspended", word: "suspended" },
  wake: { from: ["suspended"], to: "running", word: "woken" },
  stall: { from: ["running"], to: "running", word: "called stalled" },
  pause: { from: ["queued", "running", "suspended"], to: "paused", word: "paused" },
  resume: { from: ["paused"], to: "queued", word: "resumed" },
  requeue: { from: ["running", "suspended"], to: "queued", word: "queued again" },
  end: { from: open, to: terminalStatuses, word: "ended" },
  stored: { from: terminalStatuses, to: "same", word: "marked as stored" },
  update: { from: sessionStatuses, to: "same", word: "updated" },
} as const satisfies Record<
  Move["type"],
  {
    from: readonly SessionStatus[];
    to: SessionStatus | "same" | readonly SessionStatus[];
    word: string;
  }
>;

/** A session in one of the states that a move leads from. */
type Before<Type extends Move["type"]> = SessionIn<(typeof sessionMoves)[Type]["from"][number]>;

/** The session after the move, one version on. An illegal move throws 1003 `invalidState`. */
export function transition(session: Session, move: Move, now: number): Session {
  const { from, word } = sessionMoves[move.type];
  if (!(from as readonly SessionStatus[]).includes(session.status)) return refuse(session, word);
  const next = { ...common(session), version: session.version + 1, updatedAt: now };
  switch (move.type) {
    case "enqueue":
      return { ...next, status: "queued", runId: move.runId, attempt: 1, queuedAt: now };
    case "start": {
      const queued = session as Before<"start">;
      return { ...next, status: "running", ...runOf(queued), ...started(now) };
    }
    case "restart": {
      const running = session as Before<"restart">;
      return { ...next, status: "running", ...liveOf(running), attempt: move.attempt };
    }
    case "suspend": {
      const live = session as Before<"suspend">;
      return {
        ...next,
        status: "suspended",
        ...liveOf(live),
        stalled: false,
        suspendedAt: live.status === "suspended" ? live.suspendedAt : now,
        waitingFor: move.waitingFor,
      };
    }
    case "wake": {
      const suspended = session as Before<"wake">;
      return { ...next, status: "running", ...liveOf(suspended), lastProgressAt: now };
    }
    case "stall": {
      const stalled = move.stalled === "stalled";
      return { ...next, status: "running", ...liveOf(session as Before<"stall">), stalled };
    }
    case "pause": {
      const active = session as Before<"pause">;
      const queuedAt = active.status === "queued" ? active.queuedAt : active.startedAt;
      return { ...next, status: "paused", ...runOf(active), queuedAt, pausedAt: now };
    }
    case "resume":
      return { ...next, status: "queued", ...runOf(session as Before<"resume">), queuedAt: now };
    case "requeue": {
      const { runId, attempt } = session as Before<"requeue">;
      return { ...next, status: "queued", runId, attempt: attempt + 1, queuedAt: now };
    }
    case "end":
      return end(session as Before<"end">, next, move, now);
    case "stored":
      return { ...(session as Before<"stored">), ...next, stored: true };
    case "update":
      return { ...session, ...next, ...move.fields };
  }
}

function end(session: Before<"end">, next: Common, ending: Ending, now: number): Session {
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

export function isOpen({ status }: Session): boolean {
  return (open as readonly SessionStatus[]).includes(status);
}

function refuse(session: Session, what: string): never {
  throw new OffshootError(
    "invalidState",
    `session ${session.id} cannot be ${what} while it is ${session.status}`,
    { status: session.status },
  );
}
