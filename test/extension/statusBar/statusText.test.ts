import { deepEqual, equal, match } from "node:assert/strict";
import { OpenApprovals } from "../../../extension/approvals/openApprovals.ts";
import { statusFacts, statusText } from "../../../extension/statusBar/statusText.ts";
import { noUsage, type Session } from "../../../protocol/session.ts";
import { checkLeaks } from "../../support/leaks.ts";

function session(id: string, more: object = {}): Session {
  const base = {
    id,
    kind: "child",
    parentId: "root",
    rootId: "root",
    depth: 1,
    title: `title of ${id}`,
    agent: "shell",
    cwd: "/w",
    version: 1,
    createdAt: 0,
    updatedAt: 0,
    lastSeq: 0,
    messageCount: 1,
    usage: noUsage,
    treeUsage: noUsage,
    limits: {},
    status: "created",
  } as const;
  return Object.assign({}, base, more) as Session;
}

const live = { runId: "r", attempt: 1, startedAt: 1, lastHeartbeatAt: 1, lastProgressAt: 1 };
const running = { ...live, status: "running", stalled: false };
const ended = { runId: "r", attempt: 1, endedAt: 0, stored: true };
const costing = (costUsd: number) => ({ usage: { ...noUsage, costUsd } });

describe("the status bar", () => {
  checkLeaks();
  const midnight = 1_000;

  it("counts what runs, what waits for a person, and what today has cost", () => {
    const approvals = new OpenApprovals();
    const waiting = { ...live, status: "suspended", stalled: false, suspendedAt: 5 };
    const sessions = [
      session("root", { kind: "root", treeUsage: { ...noUsage, costUsd: 99 }, ...costing(99) }),
      session("a", { ...running, ...costing(1), updatedAt: 1_500 }),
      session("b", { ...waiting, waitingFor: { kind: "input", ids: [] } }),
      session("c", { ...waiting, waitingFor: { kind: "children", ids: ["a"] } }),
      session("d", {
        ...ended,
        status: "completed",
        endedAt: 1_200,
        updatedAt: 1_200,
        ...costing(0.5),
      }),
      // It was only renamed today.
      session("e", {
        ...ended,
        status: "completed",
        endedAt: 900,
        updatedAt: 1_400,
        ...costing(7),
      }),
      session("f", { status: "queued", runId: "r", attempt: 1, queuedAt: 5 }),
    ];
    const facts = statusFacts(sessions, approvals.size, midnight);
    deepEqual(facts, { running: 1, queued: 1, needingYou: 1, costToday: 1.5 });
    const { text, accessibleLabel } = statusText(facts);
    equal(text, "$(type-hierarchy-sub) $(loading~spin) 1  $(bell-dot) 1  $1.50");
    match(accessibleLabel, /1 sub-agent running, 1 queued, 1 waiting for you, \$1.50 spent/);
  });

  it("says nothing where there is nothing to say", () => {
    const facts = statusFacts([session("a")], 0, midnight);
    equal(statusText(facts).text, "");
    equal(statusText({ ...facts, costToday: 0.001 }).text, "");
    equal(statusText({ ...facts, queued: 2 }).text, "$(type-hierarchy-sub) $(clock) 2");
  });
});
