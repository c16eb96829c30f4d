/** The changes of files that a tool call stands for, whichever agent made it. Pure. */
import { createTwoFilesPatch } from "diff";

export interface ToolDiff {
  path: string;
  /** As `diff -u` writes it; may be without a head. */
  diff: string;
}

type Fields = Readonly<Record<string, unknown>>;

const pathNames = ["file_path", "filePath", "path", "absolute_path", "notebook_path"];
const oldNames = ["old_string", "oldString", "oldText", "old_text", "old_str"];
const newNames = ["new_string", "newString", "newText", "new_text", "new_str"];
const wholeNames = ["content", "contents", "new_source", "file_text"];
const patchNames = ["diff", "patch", "unified_diff"];

/** Texts without much in common take for ever: then there is no diff. */
const diffTimeoutMs = 100;

/** What came of the call counts before what it was asked to do. */
export function toolDiffs(does: string, input: unknown, result: unknown): ToolDiff[] {
  const done = listOf(fieldsOf(result)?.["diffs"]).flatMap(givenDiff);
  return done.length > 0 ? done : asked(does, fieldsOf(input) ?? {});
}

/** How many lines come and go. */
export function diffCounts(diffs: readonly ToolDiff[]): { added: number; removed: number } {
  let added = 0;
  let removed = 0;
  for (const line of diffs.flatMap(({ diff }) => diffLines(diff))) {
    if (line.kind === "added") added += 1;
    if (line.kind === "removed") removed += 1;
  }
  return { added, removed };
}

export interface DiffLine {
  kind: "added" | "removed" | "same" | "place";
  text: string;
}

/** What stands in a diff before its places. */
const headLine =
  /^(---|\+\+\+|===|Index: |diff |index |old mode|new (mode|file)|deleted file|similarity|rename )/;

/**
 * The lines of a diff without its heads. Whatever a place does not announce is shown too: nobody
 * can hide a line from whoever has to decide on it.
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
      // Another file begins.
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

function asked(does: string, input: Fields): ToolDiff[] {
  const path = textIn(input, pathNames) ?? "";
  const given = listOf(input["changes"]).flatMap(givenDiff);
  if (given.length > 0) return given;
  const patch = textIn(input, patchNames);
  if (patch !== undefined) return [{ path, diff: patch }];
  const edits = "edits" in input ? listOf(input["edits"]) : [input];
  const replaced = edits.flatMap((edit) => {
    const before = textIn(edit, oldNames);
    const after = textIn(edit, newNames);
    if (before === undefined || after === undefined) return [];
    return madeDiff(textIn(edit, pathNames) ?? path, before, after);
  });
  const whole = textIn(input, wholeNames);
  if (replaced.length > 0 || whole === undefined || does !== "edit") return replaced;
  return madeDiff(path, "", whole);
}

function givenDiff(fields: Fields): ToolDiff[] {
  const diff = textIn(fields, patchNames);
  return diff === undefined ? [] : [{ path: textIn(fields, pathNames) ?? "", diff }];
}

function madeDiff(path: string, before: string, after: string): ToolDiff[] {
  const options = { context: 3, timeout: diffTimeoutMs };
  const diff = createTwoFilesPatch("a", "b", before, after, "", "", options);
  return diff === undefined ? [] : [{ path, diff }];
}

function fieldsOf(value: unknown): Fields | undefined {
  return typeof value === "object" && value !== null ? (value as Fields) : undefined;
}

function listOf(value: unknown): Fields[] {
  return Array.isArray(value) ? value.map(fieldsOf).filter((one) => one !== undefined) : [];
}

function textIn(fields: Fields, names: readonly string[]): string | undefined {
  for (const name of names) {
    const text = fields[name];
    if (typeof text === "string") return text;
  }
  return undefined;
}
