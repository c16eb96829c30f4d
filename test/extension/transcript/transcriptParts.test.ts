/** The small parts of a transcript: what is at hand, links, diffs, and text of strangers. */
import { deepEqual, equal, ok } from "node:assert/strict";
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import {
  isAtEnd,
  lastOf,
  messagesWithin,
  rangeEarlier,
  rangeLater,
  trimmed,
  windowAt,
  windowAtEnd,
  withEvents,
} from "../../../extension/transcript/eventWindow.ts";
import { linkedFile } from "../../../extension/transcript/fileLinks.ts";
import { markdownOf } from "../../../extension/transcript/markdownText.ts";
import type { ShownEvent } from "../../../extension/transcript/pageMessages.ts";
import { outputText, visibleText } from "../../../extension/base/plainText.ts";
import { shownEvent } from "../../../extension/transcript/shownEvents.ts";
import { textPieces } from "../../../extension/pages/transcript/textLinks.ts";
import { diffCounts, diffLines, toolDiffs } from "../../../extension/transcript/toolDiffs.ts";
import { textOfValue } from "../../../extension/transcript/wholeText.ts";
import { checkLeaks } from "../../support/leaks.ts";
import { testFolder } from "../../support/testFolder.ts";

function shown(from: number, to: number, text = "x"): ShownEvent[] {
  return Array.from({ length: to - from + 1 }, (_, n) => ({
    seq: from + n,
    at: (from + n) * 10,
    runId: "r",
    event: { type: "message", role: "assistant", text },
  }));
}

const seqs = ({ events }: { events: readonly ShownEvent[] }) => [
  events[0]?.seq,
  events.at(-1)?.seq,
];

describe("the events that a transcript has at hand", () => {
  it("begin with the last pages, and grow at both ends", () => {
    let window = windowAtEnd(1000);
    deepEqual(rangeLater(window), { after: 512, limit: 512 });
    window = withEvents(window, shown(513, 1000), 1003);
    equal(isAtEnd(window), false);
    window = withEvents(window, shown(1001, 1003), 1003);
    equal(isAtEnd(window), true);
    deepEqual(rangeEarlier(window), { after: 256, limit: 256 });
    window = withEvents(window, shown(257, 512), 1003);
    deepEqual(seqs(window), [257, 1003]);
    window = withEvents(window, shown(1, 256), 1003);
    equal(rangeEarlier(window), undefined);
  });

  it("leave out what does not fit", () => {
    const window = withEvents(windowAtEnd(20), shown(1, 20), 20);
    equal(withEvents(window, shown(30, 40), 40).events.length, 20);
    equal(withEvents(window, shown(10, 22), 22).events.length, 22);
  });

  it("lose whole pages at the other end, and never all", () => {
    const window = withEvents(windowAt(1, 1000), shown(1, 1000), 1000);
    const bounds = { events: 500, characters: 1e9 };
    deepEqual(seqs(trimmed(window, "first", bounds)), [513, 1000]);
    deepEqual(seqs(trimmed(window, "last", bounds)), [1, 256]);
    equal(lastOf(trimmed(window, "last", bounds)), 256);
    const small = { events: 500, characters: 10 };
    deepEqual(seqs(trimmed(window, "first", small)), [769, 1000]);
  });

  it("tell which messages belong to their time", () => {
    const messages = [5, 105, 5200, 99_999].map((at, n) => ({ n, at, text: "" }));
    const times = (window: ReturnType<typeof windowAt>) =>
      messagesWithin(window, messages).map(({ at }) => at);
    deepEqual(times(withEvents(windowAt(1, 1000), shown(1, 100), 1000)), [5, 105]);
    deepEqual(times(withEvents(windowAtEnd(1000), shown(513, 1000), 1000)), [5200, 99_999]);
    deepEqual(times(windowAtEnd(0)), [5, 105, 5200, 99_999]);
  });
});

describe("links in a text", () => {
  const links = (text: string) =>
    textPieces(text).flatMap((piece) => (piece.kind === "text" ? [] : [piece.text]));

  it("are addresses, and paths with a line", () => {
    deepEqual(links("see src/a.ts:12, (../b/c.test.ts:3:4) and C:\\x\\y.cs:7."), [
      "src/a.ts:12",
      "../b/c.test.ts:3:4",
      "C:\\x\\y.cs:7",
    ]);
    deepEqual(links("at f (/w/a b.js:1:2) https://x.y/z?q=1. ~/n.md:1"), [
      "b.js:1:2",
      "https://x.y/z?q=1",
      "~/n.md:1",
    ]);
  });

  it("are none where there are only numbers or names", () => {
    deepEqual(links("10:32:05 127.0.0.1:8080 a.ts key: 12 v1.2:3 a.ts:x javascript:1"), []);
  });

  it("lose nothing of the text, and take no time on hostile ones", () => {
    for (const text of ["a+".repeat(20_000), "/".repeat(50_000), "a.b:1 ".repeat(9_000)]) {
      equal(
        textPieces(text)
          .map((piece) => piece.text)
          .join(""),
        text,
      );
    }
  });
});

describe("text of strangers", () => {
  it("shows what would steer or deceive", () => {
    equal(visibleText("rm \u202egpj.x\u0007\u001b[2K"), "rm ⟨U+202E⟩gpj.x␇␛[2K");
    equal(visibleText("a\r\nb\tc 👩‍🚀"), "a\nb\tc 👩‍🚀");
  });

  it("shows of a program's output what a terminal would in the end", () => {
    equal(
      outputText("\u001b[31mred\u001b[0m 10%\r 20%\r100%\r\nnext\u001b]0;title\u0007"),
      "100%\nnext",
    );
    equal(outputText("\u001b[31mred\u001b[0m\n"), "red\n");
  });

  it("is cut where it is long, and says so", () => {
    const event = { type: "note", level: "info", text: "x".repeat(20_000) } as const;
    const { event: cut, wholeLength } = shownEvent({ seq: 1, at: 1, runId: "r", event });
    ok(wholeLength === 20_000 && cut.type === "note");
    ok(cut.text.endsWith("xx…"));
    const byCore = `${"x".repeat(20)}… [cut: 312400 characters, blob e7-1]`;
    const kept = shownEvent({ seq: 1, at: 1, runId: "r", event: { ...event, text: byCore } });
    ok(kept.wholeLength === 312_400 && kept.event.type === "note");
    equal(kept.event.text, `${"x".repeat(20)}…`);
  });

  it("becomes no Markdown when it is exported", () => {
    const base = { key: "k", revision: 1, seq: 1, at: 0, cuts: [] };
    const text = "``` [x](command:y)\n# no";
    equal(
      markdownOf({ ...base, kind: "output", parts: [{ stream: "stdout", text }] }),
      "````\n``` [x](command:y)\n# no\n````",
    );
    equal(
      markdownOf({ ...base, kind: "note", level: "info", text }),
      String.raw`*info: \`\`\` \[x\](command:y) \# no*`,
    );
  });
});

describe("the changes that a tool call stands for", () => {
  const lines = (...call: Parameters<typeof toolDiffs>) =>
    toolDiffs(...call).map(({ path, diff }) => [
      path,
      ...diffLines(diff)
        .filter(({ kind }) => kind !== "place")
        .map(({ kind, text }) => `${kind} ${text}`),
    ]);

  it("are found whichever agent made it", () => {
    const changed = [["a.ts", "removed x", "added y"]];
    const edit = { file_path: "a.ts", old_string: "x\n", new_string: "y\n" };
    deepEqual(lines("edit", edit, "ok"), changed);
    deepEqual(
      lines("edit", { path: "a.ts", edits: [{ oldText: "x\n", newText: "y\n" }] }, null),
      changed,
    );
    const diff = "--- a.ts\n+++ a.ts\n@@ -1 +1 @@\n-x\n+y\n";
    deepEqual(lines("edit", {}, { diffs: [{ path: "a.ts", diff }] }), changed);
    deepEqual(lines("other", { path: "a.ts", diff }, null), changed);
    deepEqual(lines("edit", { changes: { "a.ts": { update: { diff } } } }, null), changed);
    deepEqual(lines("edit", { edits: [edit] }, null), changed);
  });

  it("are a whole file where it is written, and none where a tool only reads", () => {
    deepEqual(lines("edit", { file_path: "n.md", content: "a\nb\n" }, null), [
      ["n.md", "added a", "added b"],
    ]);
    deepEqual(lines("read", { file_path: "n.md", content: "a" }, "x"), []);
    deepEqual(diffCounts(toolDiffs("edit", { path: "n", content: "a\nb\n" }, null)), {
      ...{ added: 2, removed: 0 },
    });
  });

  it("keep lines that look like the head of a diff", () => {
    const diff = "--- a\n+++ a\n@@ -1,2 +1 @@\n--- x\n same\n";
    deepEqual(diffLines(diff).slice(1), [
      { kind: "removed", text: "-- x" },
      { kind: "same", text: "same" },
    ]);
  });

  it("show every file of a diff, and what it does not announce", () => {
    const one = (name: string) => `--- ${name}\n+++ ${name}\n@@ -1 +1 @@\n-x\n+y\n`;
    const hidden = `${one("a")}\n${one("b")}+hidden\n`;
    deepEqual(
      diffLines(hidden).map(({ kind, text }) => `${kind} ${text}`),
      [
        ...["place @@ -1 +1 @@", "removed x", "added y", "same ", "place b"],
        ...["place @@ -1 +1 @@", "removed x", "added y", "added hidden"],
      ],
    );
  });
});

describe("values of tools as text", () => {
  it("are read where they are texts, and JSON where they are not", () => {
    equal(
      textOfValue([
        { type: "text", text: "a" },
        { type: "text", text: "b" },
      ]),
      "a\nb",
    );
    equal(textOfValue({ a: 1 }), '{\n  "a": 1\n}');
    equal(textOfValue(null), "");
  });
});

describe("files that links lead to", () => {
  checkLeaks();

  it("are inside when their real path is below the folder or the workspace", async () => {
    const folder = mkdtempSync(join(testFolder, "l-"));
    const [work, other] = [join(folder, "work"), join(folder, "workspace")];
    for (const made of [work, other]) mkdirSync(made);
    writeFileSync(join(work, "a.ts"), "");
    writeFileSync(join(other, "b.ts"), "");
    writeFileSync(join(folder, "secret"), "");
    symlinkSync(join(folder, "secret"), join(work, "innocent.ts"));
    const inside = async (path: string) => (await linkedFile(path, [work, other])).isInside;
    try {
      equal(await inside("a.ts"), true);
      equal(await inside(join(other, "b.ts")), true);
      equal(await inside("../secret"), false);
      equal(await inside("innocent.ts"), false);
      equal(await inside("/etc/passwd"), false);
      equal(await inside(join(folder, "work-not", "a.ts")), false);
    } finally {
      rmSync(folder, { recursive: true });
    }
  });
});
