/** Records as the core writes them, and a log that can be looked at. Makes no files. */
import type { Log } from "../../daemon/base/log.ts";
import type { StoredSession } from "../../daemon/sessions/records.ts";
import type { StoredEvent } from "../../protocol/events.ts";
import type { Approval, ApprovalRule } from "../../protocol/approvals.ts";
import type { Completion } from "../../protocol/messages.ts";
import { noUsage } from "../../protocol/session.ts";

export function testSession(id: string): StoredSession {
  return {
    session: {
      id,
      kind: "child",
      parentId: "root",
      rootId: "root",
      depth: 1,
      title: `title of ${id}`,
      agent: "shell",
      cwd: "/",
      version: 1,
      createdAt: 1,
      updatedAt: 1,
      lastSeq: 0,
      messageCount: 0,
      usage: noUsage,
      treeUsage: noUsage,
      limits: {},
      status: "created",
    },
    priority: 0,
    unreadFrom: 1,
    childCount: 0,
  };
}

export function testEvent(seq: number, text = `line ${seq}\n`): StoredEvent {
  return { seq, at: seq, runId: "run", event: { type: "output", stream: "stdout", text } };
}

export function testCompletion(completionSeq: number): Completion {
  return {
    parentSessionId: "root",
    childSessionId: `child-${completionSeq}`,
    runId: `run-${completionSeq}`,
    attempt: 1,
    completionSeq,
    status: "completed",
    result: "done",
    usage: noUsage,
    stored: true,
  };
}

export function testApproval(id: string): Approval {
  return {
    id,
    sessionId: "child",
    path: [{ id: "root", title: "the root" }],
    runId: "run",
    toolName: "shell",
    kind: "execute",
    title: "run a command",
    input: { command: "ls" },
    options: ["allowOnce", "denyOnce"],
    requestedAt: 1,
  };
}

export function testRule(id: string): ApprovalRule {
  return {
    id,
    rule: { tool: "shell", pattern: "ls", decision: "allow" },
    scope: { kind: "cwd", cwd: "/" },
    title: "always allow `ls` in /",
    createdAt: 1,
    createdBy: "test",
    uses: 0,
  };
}

export interface LogLine {
  level: "debug" | "info" | "warn" | "error";
  facts: object;
  sentence: string;
}

export function logInto(lines: LogLine[]): Log {
  const into = (level: LogLine["level"]) => (facts: object, sentence: string) => {
    lines.push({ level, facts, sentence });
  };
  return { debug: into("debug"), info: into("info"), warn: into("warn"), error: into("error") };
}

/** Numbers from 0 up to 1 that are the same in every run with the same seed. */
export function seededRandom(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    // Numerical Recipes' linear congruential generator; its high bits are good enough here.
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 2 ** 32;
  };
}
