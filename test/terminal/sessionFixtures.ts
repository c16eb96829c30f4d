/** Sessions for tests that only look at them: plausible, and with fixed times. */
import { noUsage, type Session } from "../../protocol/session.ts";

/** The moment that the pictures are taken at. */
export const now = 1_800_000_000_000;

/** Leaves the union tagged by status to the caller, who names the fields of the state. */
export function session(id: string, fields: Partial<Session> & Record<string, unknown>): Session {
  return {
    id,
    kind: "child",
    parentId: "root",
    rootId: "root",
    depth: 1,
    title: `task ${id}`,
    agent: "shell",
    cwd: "/work",
    version: 1,
    // Later ids are younger, so that they come below.
    createdAt: now - 60_000 + Number.parseInt(id.replace(/\D/g, "") || "0", 10),
    updatedAt: now,
    lastSeq: 0,
    messageCount: 1,
    usage: noUsage,
    treeUsage: noUsage,
    limits: {},
    runId: `run-${id}`,
    attempt: 1,
    ...fields,
  } as Session;
}

export const root = session("root", {
  kind: "root",
  parentId: null,
  depth: 0,
  title: "work",
  agent: "",
  status: "created",
});

export const live = {
  startedAt: now - 3_200,
  lastHeartbeatAt: now,
  lastProgressAt: now,
  stalled: false,
};

export const ended = { startedAt: now - 5_000, endedAt: now - 3_800, stored: true };
