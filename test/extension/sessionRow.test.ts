import { deepEqual, equal, ok } from "node:assert/strict";
import { nothingBelow, type Below } from "../../extension/commands/abilities.ts";
import { sessionRow } from "../../extension/sessionRow.ts";
import { duration, oneLine, shortCount, spokenDuration } from "../../extension/sessionWords.ts";
import { noUsage, sessionStatuses } from "../../protocol/session.ts";
import { checkLeaks } from "../support/leaks.ts";
import { ended, live, now, root, session } from "../terminal/sessionFixtures.ts";

const timeOfDay = () => "14:03";

function rowOf(fields: Record<string, unknown>, below: Partial<Below> = {}, childCount = 0) {
  const one = session("a", fields);
  return sessionRow(one, { now, timeOfDay, childCount, below: { ...nothingBelow, ...below } });
}

/** Every state that a row can show, with the fields of it. */
const states: Record<string, Record<string, unknown>> = {
  created: { status: "created" },
  queued: { status: "queued", queuedAt: now, position: 3 },
  running: { status: "running", ...live },
  stalled: { status: "running", ...live, stalled: true },
  adopted: { status: "running", ...live, adopted: true },
  approval: { status: "suspended", ...live, waitingFor: { kind: "approval", ids: ["x"] } },
  input: { status: "suspended", ...live, waitingFor: { kind: "input", ids: [] } },
  children: { status: "suspended", ...live, waitingFor: { kind: "children", ids: ["b"] } },
  background: { status: "suspended", ...live, waitingFor: { kind: "background", ids: [] } },
  paused: { status: "paused", queuedAt: now, pausedAt: now },
  completed: { status: "completed", ...ended },
  cancelled: { status: "cancelled", ...ended },
  error: { status: "error", ...ended },
  timeout: { status: "timeout", ...ended },
  interrupted: { status: "interrupted", ...ended, reason: "host_restart" },
  skipped: { status: "skipped", ...ended },
};

describe("a row of the tree", () => {
  checkLeaks();

  it("has an icon and a word of its own for every state", () => {
    const rows = Object.entries(states).map(([name, fields]) => [name, rowOf(fields)] as const);
    const icons = new Set(rows.map(([, { icon }]) => icon));
    const words = new Set(rows.map(([, { description }]) => description.split(" · ")[0]));
    equal(icons.size, rows.length);
    equal(words.size, rows.length);
    const shown = new Set(Object.values(states).map(({ status }) => status));
    deepEqual(
      [...sessionStatuses].filter((status) => !shown.has(status)),
      [],
    );
    deepEqual(
      rows.filter(([, { icon }]) => icon.endsWith("~spin")).map(([name]) => name),
      ["running", "adopted"],
    );
  });

  it("says state, agent, time, what it does and what it cost, and reads it aloud", () => {
    const row = rowOf(
      {
        ...states["running"],
        startedAt: now - 190_000,
        activity: { kind: "process", label: "npm test" },
        treeUsage: { ...noUsage, inputTokens: 12_000, outputTokens: 400, costUsd: 0.034 },
      },
      { running: 1, open: 1 },
      1,
    );
    equal(row.description, "running · shell · 3m · npm test · 12k tokens $0.03");
    equal(
      row.accessibleLabel,
      "task a, running, shell, 3 minutes, npm test, 12k tokens $0.03, 1 child",
    );
    equal(row.expandable, "open");
  });

  it("says why and when it ended", () => {
    const error = { code: "exit_nonzero", message: "exited with\ncode 3", retryable: false };
    const row = rowOf({ ...states["error"], error });
    equal(row.description, "error · shell · 1s · exited with code 3 · 14:03");
    equal(row.accessibleLabel, "task a, error, shell, 1 second, exited with code 3, ended 14:03");
    ok(rowOf(states["interrupted"] ?? {}).description.includes("the daemon ended under it"));
  });

  it("says of a folded row what needs the person below it", () => {
    const row = rowOf(states["completed"] ?? {}, { needing: 2, open: 2 }, 2);
    equal(row.description, "completed · 2 children need you · shell · 1s · 14:03");
  });

  it("shows a root by what goes on below it", () => {
    const below = { ...nothingBelow, open: 3, running: 2, queued: 1 };
    const row = sessionRow(root, { now, timeOfDay, childCount: 3, below });
    equal(row.description, "2 running · 1 queued · /work");
    equal(row.contextValue, "root;cancel;pause;spawnChild;cost;rename;delete;wait;");
  });

  it("does not change with every second, so that one can rest on it", () => {
    const at = (seconds: number) =>
      rowOf({ ...states["running"], startedAt: now - seconds * 1000 });
    deepEqual(at(10), at(19));
    deepEqual(at(120), at(179));
  });

  it("makes one short line of an agent's text, without signs that turn what follows", () => {
    const row = rowOf({ ...states["created"], title: `a\u202Eb\n\u0007c ${"x".repeat(100)}` });
    equal(row.label, `ab c ${"x".repeat(34)}…`);
    equal(oneLine("🙂🙂🙂", 2), "🙂…");
  });

  it("writes durations and counts shortly", () => {
    deepEqual([0, 59_999, 60_000, 7_260_000].map(duration), ["0s", "59s", "1m 00s", "2h 01m"]);
    deepEqual([950, 1_499, 999_499, 999_500].map(shortCount), ["950", "1k", "999k", "1.0M"]);
    equal(spokenDuration("3m 05s"), "3 minutes 5 seconds");
    equal(spokenDuration("1h 00m"), "1 hour 0 minutes");
  });
});
