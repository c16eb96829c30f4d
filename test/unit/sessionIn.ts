/** Sessions in every state, for tests of what is pure. */
import { noUsage, type Session, type SessionStatus } from "../../protocol/session.ts";

const run = { runId: "run", attempt: 1 };
const live = {
  ...run,
  startedAt: 10,
  lastHeartbeatAt: 11,
  lastProgressAt: 12,
  stalled: true,
  activity: { kind: "process", label: "make" },
} as const;

/** A child session of this state, at version 7; its fields hold numbers that differ. */
export function sessionIn(status: SessionStatus, more: Partial<Session> = {}): Session {
  const common = {
    id: "session",
    kind: "child",
    parentId: "root",
    rootId: "root",
    depth: 1,
    title: "title",
    agent: "shell",
    runner: "command",
    model: "model",
    cwd: "/work",
    version: 7,
    createdAt: 1,
    updatedAt: 2,
    lastSeq: 3,
    messageCount: 4,
    adopted: false,
    toolUseId: "tool",
    usage: noUsage,
    treeUsage: noUsage,
    limits: { maxTurns: 5 },
  } as const;
  return { ...common, ...fieldsOf(status), status, ...more } as Session;
}

function fieldsOf(status: SessionStatus): object {
  if (status === "created") return {};
  if (status === "queued") return { ...run, queuedAt: 9 };
  if (status === "paused") return { ...run, queuedAt: 9, pausedAt: 10 };
  if (status === "running") return live;
  if (status === "suspended") {
    return { ...live, suspendedAt: 13, waitingFor: { kind: "children", ids: ["child"] } };
  }
  return { ...run, startedAt: 10, endedAt: 20, result: "said", stored: true };
}
