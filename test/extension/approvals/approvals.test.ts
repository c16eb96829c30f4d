import { deepEqual, equal, match, ok } from "node:assert/strict";
import { createTwoFilesPatch } from "diff";
import { OpenApprovals, type ApprovalChange } from "../../../extension/approvals/openApprovals.ts";
import { approvalRow, approvalSentence } from "../../../extension/approvals/approvalRow.ts";
import { sidesOf } from "../../../extension/approvals/changeSides.ts";
import { lateAnswer } from "../../../extension/approvals/lateAnswer.ts";
import { requestedAction } from "../../../extension/approvals/requestedAction.ts";
import type { Approval } from "../../../protocol/approvals.ts";
import { checkLeaks } from "../../support/leaks.ts";

function approval(id: string, more: Partial<Approval> = {}): Approval {
  return {
    id,
    sessionId: "s",
    path: [
      { id: "root", title: "work" },
      { id: "p", title: "plan" },
      { id: "s", title: "fix the tests" },
    ],
    runId: "r",
    toolName: "Bash",
    kind: "execute",
    title: "npm test",
    input: { command: "npm test" },
    options: ["allowOnce", "denyOnce"],
    requestedAt: Number(id),
    ...more,
  };
}

/** What the diff editor would show for an input; `current` is the file as it is. */
function shown(input: unknown, current?: string) {
  const wanted = requestedAction({ kind: "edit", input });
  if (wanted.kind !== "changes") return wanted;
  return wanted.changes.map((change) => {
    const { before, after, isPartial } = sidesOf(change, current);
    return { path: change.path, before, after, ...(isPartial && { isPartial }) };
  });
}

const patch = (path: string, before: string, after: string, from = path) =>
  createTwoFilesPatch(from, path, before, after, "", "", { context: 1 });

describe("the open approvals of the extension", () => {
  checkLeaks();

  it("are in the order of their asking, and tell what has come and gone", () => {
    const model = new OpenApprovals();
    const told: string[][] = [];
    const ids = ({ added, removed }: ApprovalChange) => [
      ...added.map(({ id }) => `+${id}`),
      ...removed.map(({ id }) => `-${id}`),
    ];
    model.onDidChange((change) => void told.push(ids(change)));
    model.add(approval("10"));
    model.add(approval("9", { sessionId: "other" }));
    model.add(approval("10"));
    model.remove("8");
    deepEqual(
      model.all().map(({ id }) => id),
      ["9", "10"],
    );
    deepEqual(
      model.all().flatMap(({ id, sessionId }) => (sessionId === "other" ? [id] : [])),
      ["9"],
    );
    model.replace([approval("10"), approval("11")]);
    model.keepOnlyRun("s", "another run");
    equal(model.size, 0);
    deepEqual(told, [["+10"], ["+9"], ["+11", "-9"], ["-10", "-11"]]);
  });
});

describe("what an approval wants", () => {
  checkLeaks();

  it("is a change, from a diff that fits the file", () => {
    const before = "one\ntwo\nthree\nfour\n";
    const after = "one\nzwei\nthree\nfour\n";
    deepEqual(shown({ path: "/w/a.ts", diff: patch("/w/a.ts", before, after) }, before), [
      { path: "/w/a.ts", before, after },
    ]);
  });

  it("is the changed pieces only, where the file has become another one or is gone", () => {
    const input = { path: "/w/a.ts", diff: patch("/w/a.ts", "a\nb\nc\n", "a\nB\nc\n") };
    const pieces = [{ path: "/w/a.ts", before: "a\nb\nc\n", after: "a\nB\nc\n", isPartial: true }];
    deepEqual(shown(input, "something else\n"), pieces);
    deepEqual(shown(input), pieces);
  });

  it("is a new file, or one that is overwritten without the agent's knowing of it", () => {
    const input = { path: "/w/n.ts", diff: patch("/w/n.ts", "", "new", "/dev/null") };
    deepEqual(shown(input), [{ path: "/w/n.ts", before: "", after: "new" }]);
    deepEqual(shown(input, "old\n"), [{ path: "/w/n.ts", before: "old\n", after: "new" }]);
  });

  it("is one change for each file of a diff, also with names in other letters", () => {
    const diff = [patch("/w/a.ts", "a\n", "b\n"), patch("/w/é b.ts", "c\n", "d\n")].join("\n");
    deepEqual(shown({ path: "/w/a.ts", diff }), [
      { path: "/w/a.ts", before: "a\n", after: "b\n", isPartial: true },
      { path: "/w/é b.ts", before: "c\n", after: "d\n", isPartial: true },
    ]);
  });

  it("is shown as text, where a part of a diff could not be shown", () => {
    const diff = `${patch("/w/a.ts", "a\n", "b\n")}\n(all of /w/b.ts is replaced: 9 characters)\n`;
    deepEqual(shown({ path: "/w/a.ts", diff }), { kind: "text", text: diff, language: "diff" });
    const broken = "--- a\n+++ b\n@@ -1,9 +1,9 @@\n-a\n+b\n";
    deepEqual(shown({ diff: broken }), { kind: "text", text: broken, language: "diff" });
  });

  it("is old and new text, in the words of several agents", () => {
    const changed = [{ path: "a.ts", before: "x = 1;\n", after: "x = $&;\n" }];
    const current = "x = 1;\n";
    const edit = { oldText: "1", newText: "$&" };
    deepEqual(shown({ path: "a.ts", ...edit }, current), changed);
    deepEqual(shown({ file_path: "a.ts", old_string: "1", new_string: "$&" }, current), changed);
    deepEqual(shown({ filePath: "a.ts", oldString: "1", newString: "$&" }, current), changed);
    deepEqual(
      shown({ file_path: "a.ts", edits: [{ old_string: "1", new_string: "$&" }] }, current),
      [...changed],
    );
  });

  it("replaces once or everywhere, and shows the pieces where there is no such text", () => {
    const edit = { file_path: "a", old_string: "x", new_string: "y" };
    deepEqual(shown(edit, "x x"), [{ path: "a", before: "x x", after: "y x" }]);
    deepEqual(shown({ ...edit, replace_all: true }, "x x"), [
      { path: "a", before: "x x", after: "y y" },
    ]);
    deepEqual(shown(edit, "z"), [{ path: "a", before: "x", after: "y", isPartial: true }]);
    deepEqual(shown({ path: "a", oldText: null, newText: "y" }), [
      { path: "a", before: "", after: "y" },
    ]);
  });

  it("is a whole file, and what codex calls changes", () => {
    deepEqual(shown({ file_path: "a", content: "new" }, "old"), [
      { path: "a", before: "old", after: "new" },
    ]);
    const update = { update: { unified_diff: "@@ -1 +1 @@\n-a\n+b\n" } };
    deepEqual(shown({ changes: { "a.ts": update, "b.ts": { add: { content: "c" } } } }), [
      { path: "a.ts", before: "a\n", after: "b\n", isPartial: true },
      { path: "b.ts", before: "", after: "c" },
    ]);
  });

  it("is a command, with what the tool gets beside it", () => {
    const wanted = (input: unknown) => requestedAction({ kind: "execute", input });
    deepEqual(wanted({ command: "rm x" }), { kind: "command", command: "rm x", more: {} });
    deepEqual(wanted({ command: ["git", "commit", "-m", "it's done"], cwd: "/w" }), {
      kind: "command",
      command: String.raw`git commit -m 'it'\''s done'`,
      more: { cwd: "/w" },
    });
  });

  it("is otherwise shown as it came", () => {
    const wanted = (input: unknown) => requestedAction({ kind: "other", input });
    deepEqual(wanted({ url: "https://x" }), { kind: "input", json: '{\n  "url": "https://x"\n}' });
    deepEqual(wanted(undefined), { kind: "input", json: "nothing" });
    deepEqual(wanted("words"), { kind: "text", text: "words", language: "plaintext" });
    deepEqual(wanted({ plan: "# do it" }), { kind: "text", text: "# do it", language: "markdown" });
  });
});

describe("an approval's row", () => {
  checkLeaks();

  it("says what is wanted and by whom, and is read aloud so", () => {
    const row = approvalRow(approval("1"));
    deepEqual(
      [row.label, row.description, row.icon],
      ["npm test", "plan › fix the tests", "terminal"],
    );
    equal(row.accessibleLabel, "npm test, plan › fix the tests wants to run a command");
    equal(row.command, "npm test");
    equal(
      approvalSentence(approval("1")),
      "“plan › fix the tests” wants to run a command: npm test",
    );
  });

  it("says what always would mean, and when it will be denied", () => {
    const always = {
      rule: { tool: "Bash", pattern: "npm test", decision: "allow" as const },
      text: "always allow `npm test` in /w",
    };
    const { facts } = approvalRow(approval("1", { always, expiresAt: 60_000 }));
    ok(facts.includes("Always Allow stores: always allow `npm test` in /w."), facts.join("\n"));
    match(facts.join("\n"), /^Denied at \d\d.\d\d.* unless answered\.$/m);
  });

  it("hides nothing in what is wanted", () => {
    const input = { command: "rm \u202Etxt.exe\u200B\n  rm --force" };
    const { label } = approvalRow(approval("1", { input }));
    equal(label, String.raw`rm \u{202e}txt.exe\u{200b} ⏎ rm --force`);
  });

  it("says what is really wanted, whatever the agent calls it", () => {
    const title = "Run the tests";
    const command = approvalRow(approval("1", { title, input: { command: "rm -r /" } }));
    deepEqual([command.label, command.facts[1]], ["rm -r /", "It calls this: Run the tests"]);
    const input = { path: "/etc/passwd", content: "x" };
    const edit = approvalRow(approval("1", { kind: "edit", title, input }));
    deepEqual([edit.label, edit.purpose], ["/etc/passwd", "change a file"]);
    equal(edit.facts[1], "It calls this: Run the tests");
    const path = `/home/me/${"deep/".repeat(9)}lib/x.ts`;
    const far = approvalRow(approval("1", { kind: "edit", input: { path, content: "x" } }));
    deepEqual([far.label, far.facts[1]], ["…/lib/x.ts", path]);
    const diffs = [input, input];
    equal(approvalRow(approval("1", { kind: "edit", input: { diffs } })).purpose, "change 2 files");
    const fetch = { kind: "fetch", title, input: { url: "https://evil" } };
    equal(approvalRow(approval("1", fetch)).label, "https://evil");
  });

  it("knows what to say of a tool that nobody knows, and of a title that says nothing", () => {
    const row = approvalRow(
      approval("1", { kind: "toString", toolName: "mcp__x", title: " ", input: {} }),
    );
    deepEqual([row.label, row.icon], ["use mcp__x", "tools"]);
  });
});

describe("an answer that comes too late", () => {
  checkLeaks();

  it("is told apart from other faults", () => {
    const late = (decision: string) =>
      lateAnswer({ data: { kind: "approvalAlreadyResolved", decision } });
    equal(late("denyOnce"), "too late, it was denied before.");
    equal(late("expired"), "too late, the run has ended.");
    equal(late("toString"), "too late, it was answered before.");
    ok(lateAnswer({ data: { kind: "approvalNotFound" } }));
    equal(lateAnswer(new Error("the connection was lost")), undefined);
  });
});
