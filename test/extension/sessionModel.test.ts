import { deepEqual, equal } from "node:assert/strict";
import { createSessionModel } from "../../extension/sessionModel.ts";
import { duration, sessionRow } from "../../extension/sessionRow.ts";
import { noUsage, type Session } from "../../protocol/session.ts";

function session(id: string, more: Partial<Session> = {}): Session {
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
  return Object.assign({}, base, more);
}

const running = {
  status: "running",
  runId: "r",
  attempt: 1,
  startedAt: 1_000,
  lastHeartbeatAt: 0,
  lastProgressAt: 0,
  stalled: false,
} as const;

describe("the extension's model of the sessions", () => {
  it("takes newer versions and ignores older ones, in whatever order they come", () => {
    const model = createSessionModel();
    model.replace([session("b"), session("a", { version: 3 })]);
    equal(model.upsert(session("a", { version: 2, title: "late" })), false);
    equal(model.upsert(session("a", { version: 4, title: "new" })), true);
    deepEqual(
      model.children("root").map(({ title }) => title),
      ["new", "title of b"],
    );
    model.remove(["a"]);
    deepEqual(
      model.children("root").map(({ id }) => id),
      ["b"],
    );
  });

  it("says state, agent, time and activity in a row, and reads them aloud", () => {
    const activity = { kind: "process", label: "npm test" } as const;
    const row = sessionRow(session("a", { ...running, activity }), 66_000);
    equal(row.description, "running · shell · 1m 05s · npm test");
    equal(row.accessibleLabel, "title of a, running, shell, 1m 05s, npm test");
    equal(row.contextValue, "session.running");
  });

  it("shows a stalled run as such, and makes no Markdown of an agent's text", () => {
    const stalled = { ...running, stalled: true } as Partial<Session>;
    const row = sessionRow(session("a", { ...stalled, title: "[x](command:evil)" }), 2_000);
    equal(row.icon, "warning");
    equal(row.tooltip.includes("[x](command"), false);
  });

  it("writes durations shortly", () => {
    deepEqual([0, 59_999, 60_000, 7_260_000].map(duration), ["0s", "59s", "1m 00s", "2h 01m"]);
  });
});
