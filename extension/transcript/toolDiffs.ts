/** The diffs of the files that a tool call changes, for the tools of any agent. Pure. */
import { createTwoFilesPatch } from "diff";
import { changesIn, fieldsOf } from "../base/toolInput.ts";

export interface ToolDiff {
  path: string;
  /** As `diff -u` writes it; may lack the header. */
  diff: string;
}

/** Texts that have little in common would take too long: then there is no diff. */
const diffTimeoutMs = 100;

/** The diffs in the result of the call, else those of its input. */
export function toolDiffs(does: string, input: unknown, result: unknown): ToolDiff[] {
  const done = changesIn({ diffs: fieldsOf(result)?.["diffs"] });
  const changes = done.length > 0 ? done : changesIn(fieldsOf(input) ?? {});
  return changes.flatMap((change) => {
    const { path = "" } = change;
    switch (change.form) {
      case "diff":
        return [{ path, diff: change.diff }];
      case "replacements":
        return change.replacements.flatMap((one) => madeDiff(path, one.oldText, one.newText));
      case "whole":
        return does === "edit" ? madeDiff(path, "", change.newText) : [];
    }
  });
}

export function diffCounts(diffs: readonly ToolDiff[]): { added: number; removed: number } {
  const lines = diffs.flatMap(({ diff }) => diffLines(diff));
  const count = (kind: DiffLine["kind"]) => lines.filter((line) => line.kind === kind).length;
  return { added: count("added"), removed: count("removed") };
}

export interface DiffLine {
  kind: "added" | "removed" | "same" | "place";
  text: string;
}

/** The lines of a diff before its first hunk. */
const headLine =
  /^(---|\+\+\+|===|Index: |diff |index |old mode|new (mode|file)|deleted file|similarity|rename )/;

/**
 * The lines of a diff without its headers. Lines that no hunk announces are included, so that no
 * line is hidden from the person who decides.
 */
export function diffLines(diff: string): DiffLine[] {
  const lines: DiffLine[] = [];
  let left = { removed: 0, added: 0 };
  for (const line of diff.replace(/\n$/, "").split("\n")) {
    const place = /^@@(?: -\d+(?:,(\d+))? \+\d+(?:,(\d+))?)?/.exec(line);
    if (place !== null) {
      left = { removed: Number(place[1] ?? 1), added: Number(place[2] ?? 1) };
      lines.push({ kind: "place", text: line });
    } else if (left.removed + left.added > 0 || !headLine.test(line)) {
      const shown = contentLine(line);
      if (shown === undefined) continue;
      if (shown.kind !== "added") left.removed = Math.max(0, left.removed - 1);
      if (shown.kind !== "removed") left.added = Math.max(0, left.added - 1);
      lines.push(shown);
    } else if (line.startsWith("+++") && lines.length > 0) {
      // The next file begins.
      lines.push({ kind: "place", text: line.slice(4) });
    }
  }
  return lines;
}

function contentLine(line: string): DiffLine | undefined {
  if (line.startsWith("\\")) return undefined;
  if (line.startsWith("+")) return { kind: "added", text: line.slice(1) };
  if (line.startsWith("-")) return { kind: "removed", text: line.slice(1) };
  return { kind: "same", text: line.startsWith(" ") ? line.slice(1) : line };
}

function madeDiff(path: string, before: string, after: string): ToolDiff[] {
  const options = { context: 3, timeout: diffTimeoutMs };
  const diff = createTwoFilesPatch("a", "b", before, after, "", "", options);
  return diff === undefined ? [] : [{ path, diff }];
}
