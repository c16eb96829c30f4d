import { deepEqual, equal, ok } from "node:assert/strict";
import { RealPaths } from "../../../extension/base/paths.ts";
import { SessionModel } from "../../../extension/sessions/sessionModel.ts";
import { defaultOptions } from "../../../extension/tree/treeOptions.ts";
import { TreeRows, olderBelow } from "../../../extension/tree/treeRows.ts";
import { VisibleSessions } from "../../../extension/tree/visibleSessions.ts";
import type { Session } from "../../../protocol/session.ts";
import { checkLeaks } from "../../support/leaks.ts";
import { ended, live, now, root, session } from "../../terminal/sessionFixtures.ts";

/** Time that passes only when the test says so. */
function manualClock() {
  const due = new Map<() => void, number>();
  const clock = {
    at: now,
    now: () => clock.at,
    timeOfDay: () => "14:03",
    later(callback: () => void, ms: number) {
      due.set(callback, clock.at + ms);
      return () => void due.delete(callback);
    },
    pass(ms: number) {
      const end = clock.at + ms;
      for (;;) {
        const next = [...due].filter(([, at]) => at <= end).sort((a, b) => a[1] - b[1])[0];
        if (next === undefined) break;
        due.delete(next[0]);
        clock.at = next[1];
        next[0]();
      }
      clock.at = end;
    },
  };
  return clock;
}

/**
 * Asks as the editor does: for a row that it is told of, and for all that is unfolded below it.
 * Counts what it asked for.
 */
function editorOn(sessions: readonly Session[], folded: ReadonlySet<string> = new Set()) {
  const model = new SessionModel();
  model.replace(sessions);
  let older = false;
  const clock = manualClock();
  const visible = new VisibleSessions({
    model,
    options: () => defaultOptions,
    folders: () => [],
    realPaths: new RealPaths(),
    isMine: () => false,
  });
  const rows = new TreeRows({ model, visible, hasOlder: () => older, clock });
  const counts = { told: 0, asked: 0 };
  const labels = new Map<string, string>();

  function ask(id: string): void {
    counts.asked += 1;
    const row = rows.row(id);
    labels.set(id, row?.description ?? "gone");
    if (row !== undefined && row.expandable !== "no" && !folded.has(id)) askBelow(id);
  }
  function askBelow(parentId: string | undefined): readonly string[] {
    const ids = rows.children(parentId);
    for (const id of ids) ask(id);
    return ids;
  }
  rows.onDidChange((ids) => {
    counts.told += 1;
    if (ids === undefined) askBelow(undefined);
    else for (const id of ids) ask(id);
  });
  askBelow(undefined);
  rows.setVisible("visible");
  clock.pass(5_000);
  const reset = () => Object.assign(counts, { told: 0, asked: 0 });
  reset();
  return {
    ...{ model, rows, clock, counts, labels, reset, askBelow },
    setOlder(value: boolean) {
      older = value;
      rows.changeAll();
    },
  };
}

const running = { status: "running", ...live } as const;

/** A thousand sub-agents, ten by ten below a hundred, of which those that are named run. */
function thousand(runningCount: number): Session[] {
  const parents = Array.from({ length: 100 }, (_, n) =>
    session(`p${100 + n}`, { status: "completed", ...ended }),
  );
  const children = parents.flatMap(({ id }, n) =>
    Array.from({ length: 9 }, (_, m) =>
      session(`${id}.${m}`, {
        parentId: id,
        ...(m === 0 && n < runningCount ? running : { status: "completed", ...ended }),
      }),
    ),
  );
  return [root, ...parents, ...children];
}

describe("the rows that the editor asks for", () => {
  checkLeaks();

  it("are one for one that changed, and none where the row says the same", () => {
    const { model, clock, counts, labels } = editorOn(thousand(100));
    model.add(session("p100.0", { parentId: "p100", ...running, version: 2, stalled: true }));
    clock.pass(250);
    deepEqual(counts, { told: 1, asked: 1 });
    ok(labels.get("p100.0")?.startsWith("stalled"));
    model.overlay("p100.0", { lastHeartbeatAt: now, lastProgressAt: now });
    clock.pass(1_000);
    deepEqual(counts, { told: 1, asked: 1 });
  });

  it("are told at most four times a second, however many changes come", () => {
    const { model, clock, counts } = editorOn(thousand(100));
    for (let n = 0; n < 100; n++) {
      model.add(
        session("p100.0", {
          parentId: "p100",
          ...running,
          version: n + 2,
          activity: { kind: "tool", label: `step ${n}` },
        }),
      );
      clock.pass(10);
    }
    ok(counts.told <= 4, `${counts.told}`);
    ok(counts.asked <= 4, `${counts.asked}`);
  });

  it("stay few while a hundred of a thousand run and beat for a minute", () => {
    const { model, clock, counts } = editorOn(thousand(100));
    let version = 2;
    for (let tenth = 0; tenth < 600; tenth++) {
      for (let n = tenth % 50; n < 100; n += 50) {
        const id = `p${100 + n}.0`;
        const at = clock.now();
        model.overlay(id, { lastHeartbeatAt: at, lastProgressAt: at });
        // What it used is stored with every turn, for itself and for all above it.
        const usage = { ...root.usage, inputTokens: version * 10 };
        model.add(session(id, { parentId: `p${100 + n}`, ...running, version, usage }));
        model.add(
          session(`p${100 + n}`, { status: "completed", ...ended, version, treeUsage: usage }),
        );
      }
      version += 1;
      clock.pass(100);
    }
    // 1,200 changes of rows with nine below them, and a hundred clocks.
    ok(counts.told <= 240, `${counts.told} times`);
    ok(counts.asked <= 12_000, `${counts.asked} rows in a minute`);
  });

  it("are those of one list when one comes or goes, and all only at the top", () => {
    const { model, clock, counts } = editorOn(thousand(0));
    model.add(session("p100.9", { parentId: "p100", ...running }));
    clock.pass(250);
    deepEqual(counts, { told: 1, asked: 11 });
    model.remove(["p100.9"]);
    clock.pass(1_000);
    deepEqual(counts, { told: 2, asked: 21 });
    model.add(session("p999", running));
    clock.pass(1_000);
    deepEqual(counts, { told: 3, asked: 21 + 1_001 });
  });

  it("wait the longer, the more the last time has cost", () => {
    const { model, clock, counts } = editorOn(thousand(0));
    for (let n = 0; n < 100; n++) {
      model.add(session(`q${100 + n}`, running));
      clock.pass(100);
    }
    // Ten seconds in which something comes at the top all the time.
    ok(counts.told <= 12, `${counts.told} times`);
  });

  it("are new to the editor where the first child comes, so that it unfolds them", () => {
    const { model, clock, rows, counts } = editorOn([
      root,
      session("a", running),
      session("b", { status: "created" }),
    ]);
    equal(rows.row("a")?.expandable, "no");
    model.add(session("a1", { parentId: "a", ...running }));
    clock.pass(250);
    equal(counts.told, 1);
    equal(counts.asked, 3);
    equal(rows.row("a")?.expandable, "open");
  });

  it("are not told of again and again below a folded row", () => {
    const { model, clock, counts } = editorOn(thousand(0), new Set(["p100"]));
    model.add(session("p100.9", { parentId: "p100", ...running }));
    clock.pass(250);
    model.add(session("p100.9", { parentId: "p100", ...running, version: 2, stalled: true }));
    clock.pass(1_000);
    ok(counts.asked <= 2, `${counts.asked}`);
  });

  it("are told of nothing while nobody looks, and of what has changed afterwards", () => {
    const { model, clock, rows, counts, labels } = editorOn([root, session("a", running)]);
    rows.setVisible("hidden");
    model.add(session("a", { status: "completed", ...ended, version: 2 }));
    clock.pass(10_000);
    equal(counts.told, 0);
    rows.setVisible("visible");
    clock.pass(250);
    deepEqual(counts, { told: 1, asked: 1 });
    ok(labels.get("a")?.includes("14:03"));
  });

  it("are all told of anew when the view is shown again: the editor has begun to draw them", () => {
    const { rows, clock } = editorOn([root, session("a", running), session("b", running)]);
    const told: unknown[] = [];
    rows.onDidChange((ids) => told.push(ids));
    rows.setVisible("hidden");
    rows.setVisible("visible");
    clock.pass(250);
    deepEqual(told, [undefined]);
  });

  it("are given when the editor has asked for them where they stand", () => {
    const { model, rows, clock, askBelow } = editorOn([root, session("a", running)]);
    let given = 0;
    rows.onDidRead(() => (given += 1));
    equal(rows.isRead("a"), true);
    model.add(session("b", running));
    equal(rows.isRead("b"), false);
    clock.pass(250);
    deepEqual([rows.isRead("b"), given > 0], [true, true]);
    // From here on the editor has a list without it.
    model.add(session("c", running));
    deepEqual([rows.row("c") === undefined, rows.isRead("c")], [false, false]);
    askBelow(undefined);
    equal(rows.isRead("c"), true);
  });

  it("forget those that are gone", () => {
    const { model, clock, rows, counts } = editorOn([root, session("a", running)]);
    model.remove(["a"]);
    clock.pass(250);
    deepEqual(counts, { told: 1, asked: 0 });
    equal(rows.row("a"), undefined);
    clock.pass(60_000);
    equal(counts.told, 1);
  });

  it("begin with one that stands for older ones, where there are any", () => {
    const { setOlder, clock, askBelow, rows } = editorOn([root, session("a", running)]);
    setOlder(true);
    clock.pass(250);
    const [first = "", second] = askBelow(undefined);
    deepEqual([olderBelow(first), second], [{ parentId: undefined }, "a"]);
    equal(rows.row(first)?.label, "Show older sub-agents");
    equal(olderBelow("a"), undefined);
  });
});
