import { deepEqual, equal } from "node:assert/strict";
import { duration, shortCount } from "../../../extension/base/numbers.ts";
import { oneLine } from "../../../extension/base/text.ts";
import { nothingBelow, type Below } from "../../../extension/sessions/abilities.ts";
import { sessionRow } from "../../../extension/tree/sessionRow.ts";
import { spokenDuration } from "../../../extension/sessions/sessionWords.ts";
import { stateSigns, toneColors } from "../../../extension/sessions/stateSigns.ts";
import { darkPalette } from "../../../extension/timeline/drawing.ts";
import { signColor } from "../../../extension/timeline/signs.ts";
import { noUsage, sessionStatuses } from "../../../protocol/session.ts";
import { checkLeaks } from "../../support/leaks.ts";
import { ended, live, now, root, session } from "../../terminal/sessionFixtures.ts";

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

  it("has a sign and a word of its own for every state, and none of them by colour alone", () => {
    const rows = Object.entries(states).map(([name, fields]) => [name, rowOf(fields)] as const);
    const icons = new Set(rows.map(([, { icon }]) => icon));
    const words = new Set(rows.map(([, { accessibleLabel }]) => accessibleLabel.split(", ")[1]));
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

  it("has the signs and tones that timelines and transcripts draw", () => {
    const strokes = new Set(Object.values(stateSigns).map((look) => look.strokes));
    equal(strokes.size, Object.keys(stateSigns).length);
    const { color, icon } = rowOf(states["children"] ?? {});
    deepEqual([icon, color], [stateSigns.children.icon, toneColors.waits]);
    equal(signColor("children", darkPalette), darkPalette.waits);
    const needing = [states["approval"], states["input"]].map(
      (fields) => rowOf(fields ?? {}).color,
    );
    deepEqual(needing, [toneColors.needsYou, toneColors.needsYou]);
  });

  it("says time, agent, what it does and what it cost, and reads all of it aloud", () => {
    const row = rowOf(
      {
        ...states["running"],
        startedAt: now - 190_000,
        activity: { kind: "process", label: "compiling" },
        treeUsage: { ...noUsage, inputTokens: 12_000, outputTokens: 400, costUsd: 0.034 },
      },
      { running: 1, open: 1 },
      1,
    );
    equal(row.description, "3m · shell · compiling · 12k tokens $0.03");
    equal(
      row.accessibleLabel,
      "task a, running, shell, 3 minutes, compiling, 12k tokens $0.03, 1 child",
    );
    equal(row.expandable, "open");
  });

  it("says no command that the title has said, and no question that waits elsewhere", () => {
    const activity = (label: string) => ({ activity: { kind: "process", label } });
    const described = (state: string, label: string) =>
      rowOf({ ...states[state], ...activity(label) }).description;
    equal(described("running", "/bin/sh -c sleep 600"), "shell");
    equal(described("running", "cmd.exe /d /s /c dir"), "shell");
    equal(described("running", "sh -x build"), "shell · sh -x build");
    equal(described("approval", "rm -r build"), "needs approval · shell");
  });

  it("says how and when it ended, each fact once", () => {
    const said = (state: string, message?: string, more: object = {}) => {
      const error = message === undefined ? {} : { error: { code: "aborted", message } };
      return rowOf({ ...states[state], ...error, ...more }).description;
    };
    equal(said("error", "exited with\ncode 3"), "1s · 14:03 · exited with code 3 · shell");
    equal(said("cancelled", "Cancelled by user"), "1s · 14:03 · cancelled by user · shell");
    const reason = { reason: "not needed" };
    equal(
      said("cancelled", "Cancelled by user", reason),
      "1s · 14:03 · cancelled: not needed · shell",
    );
    equal(said("completed"), "1s · 14:03 · shell");
    equal(said("completed", undefined, { stored: false }), "1s · 14:03 · not on disk yet · shell");
    equal(
      said("interrupted", "Interrupted: the core ended while this ran"),
      "1s · 14:03 · the daemon ended · shell",
    );
    const total = "Child session timed out after 1 seconds (max_total_secs=1)";
    equal(said("timeout", total), "1s · 14:03 · timed out · shell");
    const idle = "Child session idle timeout after 900 seconds without events (max_idle_secs=900)";
    equal(said("timeout", idle), "1s · 14:03 · timed out: no event for 900s · shell");
    equal(
      said("skipped", "No pending message to execute"),
      "1s · 14:03 · skipped: nothing to do · shell",
    );
    const error = { code: "exit_nonzero", message: "exited with code 3", retryable: false };
    equal(
      rowOf({ ...states["error"], error }).accessibleLabel,
      "task a, error, shell, 1 second, exited with code 3, ended 14:03",
    );
  });

  it("says of a folded row what needs the person below it", () => {
    const row = rowOf(states["completed"] ?? {}, { needing: 2, open: 2 }, 2);
    equal(row.description, "2 children need you · 1s · 14:03 · shell");
  });

  it("shows a root by what goes on below it", () => {
    const below = { ...nothingBelow, open: 3, running: 2, queued: 1, pausable: 1 };
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
    const row = rowOf({ ...states["created"], title: `a\u202Eb\n\u0007c ${"x".repeat(300)}` });
    // Where it ends in sight is the editor's to say.
    equal(row.label, `ab c ${"x".repeat(194)}…`);
    equal(oneLine("🙂🙂🙂", 2), "🙂…");
  });

  it("writes durations and counts shortly", () => {
    deepEqual([0, 59_999, 60_000, 7_260_000].map(duration), ["0s", "59s", "1m 00s", "2h 01m"]);
    deepEqual([950, 1_499, 999_499, 999_500].map(shortCount), ["950", "1k", "999k", "1.0M"]);
    equal(spokenDuration("3m 05s"), "3 minutes 5 seconds");
    equal(spokenDuration("1h 00m"), "1 hour 0 minutes");
  });
});
