import assert from "node:assert/strict";
import stringWidth from "string-width";
import type { Session } from "../../protocol/session.ts";
import type { RunFacts } from "../../daemon/terminal/treeModel.ts";
import { treeLines } from "../../daemon/terminal/treeView.ts";
import { checkLeaks } from "../support/leaks.ts";
import { ended, live, now, root, session } from "./sessionFixtures.ts";

interface Picture {
  sessions: Session[];
  facts?: Record<string, Partial<RunFacts>>;
  width?: number;
  height?: number;
}

function draw({ sessions, facts = {}, width = 100, height }: Picture): string[] {
  const known = Object.entries(facts).map(
    ([id, ofRun]) => [id, { runId: `run-${id}`, ...ofRun }] as const,
  );
  return treeLines(sessions, new Map(known), {
    width,
    ...(height !== undefined && { height }),
    now,
    paint: (_style, text) => text,
  });
}

function check(picture: Picture, expected: string): void {
  const lines = draw(picture);
  assert.equal(`\n${lines.join("\n")}\n`, expected);
}

describe("the picture of a tree", () => {
  checkLeaks();

  it("shows every state by a glyph and a word, with what is worth knowing", () => {
    const usage = { ...root.usage, inputTokens: 12_000, outputTokens: 345, costUsd: 0.031 };
    check(
      {
        sessions: [
          root,
          session("1", { status: "created" }),
          session("2", { status: "queued", queuedAt: now - 12_000, position: 3 }),
          session("3", {
            ...live,
            status: "running",
            activity: { kind: "tool", label: "npm test" },
            usage,
          }),
          session("4", {
            ...live,
            status: "suspended",
            suspendedAt: now,
            waitingFor: { kind: "children", ids: ["5", "6"] },
          }),
          session("5", { status: "paused", queuedAt: now - 90_000, pausedAt: now }),
          session("6", { ...ended, status: "completed", result: "one\nall is well\n\n" }),
          session("7", {
            ...ended,
            status: "cancelled",
            error: { code: "aborted", message: "Cancelled by user", retryable: false },
            reason: "halfway",
          }),
          session("8", {
            ...ended,
            status: "error",
            error: { code: "exit_nonzero", message: "exited with code 3", retryable: false },
          }),
          session("9", { ...ended, status: "timeout" }),
          session("10", { ...ended, status: "interrupted", reason: "host_restart" }),
          session("11", { endedAt: now, stored: true, status: "skipped" }),
          session("12", {
            ...live,
            status: "running",
            stalled: true,
            lastProgressAt: now - 400_000,
          }),
        ],
      },
      `
├─ · task 1   created      shell          not started yet
├─ ○ task 2   queued       shell  12s     position 3 in the queue
├─ ● task 3   running      shell  3.2s    12.3k tokens $0.03  npm test
├─ ◐ task 4   suspended    shell  3.2s    waits for 2 sub-agents
├─ ‖ task 5   paused       shell  1m30s
├─ ✓ task 6   completed    shell  1.2s    all is well
├─ ⊘ task 7   cancelled    shell  1.2s    Cancelled by user · halfway
├─ ✗ task 8   error        shell  1.2s    exited with code 3
├─ ◷ task 9   timeout      shell  1.2s
├─ ↯ task 10  interrupted  shell  1.2s    host_restart
├─ – task 11  skipped      shell
└─ ! task 12  stalled      shell  3.2s    no progress for 6m40s
`,
    );
  });

  it("shows what a live run said last, and only while it is of this run", () => {
    const running = session("1", { ...live, status: "running" });
    const facts = { lastText: "hello there", position: 1 };
    check(
      { sessions: [root, running], facts: { 1: facts } },
      `
└─ ● task 1  running  shell  3.2s    hello there
`,
    );
    check(
      { sessions: [root, running], facts: { 1: { ...facts, runId: "an earlier one" } } },
      `
└─ ● task 1  running  shell  3.2s
`,
    );
  });

  it("draws branches, several roots, and children whose parent is not there", () => {
    const second = session("20", {
      kind: "root",
      parentId: null,
      rootId: "20",
      title: "other",
      status: "created",
    });
    check(
      {
        sessions: [
          root,
          session("1", { ...ended, status: "completed" }),
          session("2", { ...ended, status: "completed", parentId: "1", depth: 2 }),
          session("3", { ...ended, status: "completed", parentId: "2", depth: 3 }),
          session("4", { ...ended, status: "completed", parentId: "1", depth: 2 }),
          second,
          session("21", { ...ended, status: "error", parentId: "20", rootId: "20" }),
          session("30", { ...ended, status: "error", parentId: "gone" }),
        ],
      },
      `
▾ work  /work
└─ ✓ task 1        completed  shell  1.2s
   ├─ ✓ task 2     completed  shell  1.2s
   │  └─ ✓ task 3  completed  shell  1.2s
   └─ ✓ task 4     completed  shell  1.2s
▾ other  /work
└─ ✗ task 21       error      shell  1.2s
✗ task 30          error      shell  1.2s
`,
    );
  });

  it("folds what has ended when the terminal is not high enough, the deepest first", () => {
    const sessions = [
      root,
      session("1", { ...live, status: "running" }),
      ...[2, 3, 4].map((n) => session(`${n}`, { ...ended, status: "completed", parentId: "1" })),
      session("5", { ...ended, status: "error", parentId: "1" }),
      ...[6, 7, 8].map((n) => session(`${n}`, { ...ended, status: "completed" })),
      ...[9, 10, 11].map((n) => session(`${n}`, { status: "queued", queuedAt: now })),
    ];
    check(
      { sessions, height: 9 },
      `
├─ ● task 1   running    shell  3.2s
│  └─ … 3 completed, 1 error
├─ ✓ task 6   completed  shell  1.2s
├─ ✓ task 7   completed  shell  1.2s
├─ ✓ task 8   completed  shell  1.2s
├─ ○ task 9   queued     shell  0.0s
├─ ○ task 10  queued     shell  0.0s
└─ ○ task 11  queued     shell  0.0s
`,
    );
    check(
      { sessions, height: 6 },
      `
├─ ● task 1   running  shell  3.2s
│  └─ … 3 completed, 1 error
├─ ○ task 9   queued   shell  0.0s
├─ ○ task 10  queued   shell  0.0s
├─ ○ task 11  queued   shell  0.0s
└─ … 3 completed
`,
    );
    check(
      { sessions, height: 4 },
      `
├─ ● task 1  running  shell  3.2s
│  └─ … 3 completed, 1 error
├─ … 3 completed
└─ … 3 queued
`,
    );
    check(
      { sessions, height: 2 },
      `
├─ ● task 1  running  shell  3.2s
… 3 more rows
`,
    );
  });

  it("stays within any width, whatever the titles hold", () => {
    const titles = [
      "\u001b[2J\u001b[1;1Hgotcha\u0007",
      "古池や蛙飛びこむ水の音 ".repeat(10),
      "\u{1f468}\u200d\u{1f469}\u200d\u{1f467} family ".repeat(20),
      "e\u0301".repeat(200),
      "line\nbreak\r\nand\ttab",
      "\u202eright to left",
      "",
    ];
    const sessions = [
      root,
      ...titles.map((title, n) =>
        session(`${n + 1}`, {
          ...live,
          status: "running",
          title,
          parentId: n === 0 ? "root" : `${n}`,
          agent: title,
          activity: { kind: "process", label: title },
        }),
      ),
    ];
    for (let width = 1; width <= 160; width += 1) {
      const lines = draw({ sessions, width });
      assert.equal(lines.length, titles.length);
      for (const line of lines) {
        assert.ok(stringWidth(line) <= width, `${stringWidth(line)} > ${width}: ${line}`);
        assert.doesNotMatch(line, /[\p{Cc}\u202e]/u);
      }
    }
  });

  it("gives up the detail, then the agent, then the time when it gets narrow", () => {
    const sessions = [
      root,
      session("1", {
        ...ended,
        status: "completed",
        title: "Check the types of everything",
        result: "no faults at all",
      }),
    ];
    const at = (width: number) => draw({ sessions, width })[0];
    const at80 = "└─ ✓ Check the types of everything  completed  shell  1.2s    no faults at all";
    assert.equal(at(80), at80);
    assert.equal(at(64), "└─ ✓ Check the types of everything  completed  shell  1.2s");
    assert.equal(at(52), "└─ ✓ Check the types of e…  completed  shell  1.2s");
    assert.equal(at(40), "└─ ✓ Check the types…  completed  1.2s");
    assert.equal(at(34), "└─ ✓ Check the types o…  completed");
    assert.equal(at(28), "└─ ✓ Check the types of eve…");
  });

  it("copes with ten thousand sessions", () => {
    const sessions = [
      root,
      ...Array.from({ length: 10_000 }, (_, n) =>
        session(`${n + 1}`, { ...ended, status: "completed" }),
      ),
    ];
    assert.deepEqual(draw({ sessions, height: 20 }), ["└─ … 10000 completed"]);
    assert.equal(draw({ sessions }).length, 10_000);
  });
});
