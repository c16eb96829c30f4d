/**
 * What an approval asks for, out of its input. Agents write inputs in their own ways: a diff, old
 * and new text, a whole file, a command line; whatever is none of these is shown as JSON. Pure.
 */
import { parsePatch, type StructuredPatch } from "diff";
import type { Approval } from "../../protocol/approvals.ts";

export type Wanted =
  | { kind: "changes"; changes: WantedChange[] }
  /** `more` is what the tool gets beside the command, such as a folder or a time-out. */
  | { kind: "command"; command: string; more: Record<string, unknown> }
  /** A plan, or a patch in a form of its own. */
  | { kind: "text"; text: string; language: string }
  | { kind: "input"; json: string };

/** A change of one file. The path may be relative to the session's folder. */
export type WantedChange =
  | { path: string; form: "patch"; patch: StructuredPatch }
  | { path: string; form: "replacements"; replacements: Replacement[] }
  | { path: string; form: "whole"; newText: string };

export interface Replacement {
  oldText: string;
  newText: string;
  /** Every place, not only the first. */
  all: boolean;
}

type Fields = Record<string, unknown>;

export function wantedOf({ kind, input }: Pick<Approval, "kind" | "input">): Wanted {
  const fields = fieldsOf(input);
  if (fields === undefined) {
    return typeof input === "string"
      ? { kind: "text", text: input, language: "plaintext" }
      : { kind: "input", json: jsonOf(input) };
  }
  const changes = changesIn(fields);
  if (changes.length > 0) return { kind: "changes", changes };
  const command = commandIn(fields);
  if (command !== undefined && (kind === "execute" || kind === "other")) {
    const { command: _command, cmd: _cmd, ...more } = fields;
    return { kind: "command", command, more };
  }
  const [text, language] = textIn(fields);
  if (text !== undefined) return { kind: "text", text, language };
  return { kind: "input", json: jsonOf(input) };
}

const pathNames = ["path", "file_path", "filePath", "absolute_path", "abs_path", "notebook_path"];
const oldNames = ["oldText", "old_text", "old_string", "oldString", "old_str"];
const newNames = ["newText", "new_text", "new_string", "newString", "new_str"];
const wholeNames = ["content", "contents", "new_source", "file_text"];
const diffNames = ["diff", "unified_diff", "patch"];

function changesIn(fields: Fields): WantedChange[] {
  const path = stringIn(fields, pathNames);
  const diff = stringIn(fields, diffNames);
  if (diff !== undefined) return patchesIn(diff, path);
  const several = fields["diffs"] ?? fields["changes"];
  if (several !== undefined) return severalChanges(several);
  if (path === undefined) return [];
  const replacements = listOf(fields["edits"] ?? [fields]).flatMap(replacementOf);
  if (replacements.length > 0) return [{ path, form: "replacements", replacements }];
  const newText = stringIn(fields, wholeNames);
  return newText === undefined ? [] : [{ path, form: "whole", newText }];
}

/** A list of changes, or an object that has them by path. */
function severalChanges(several: unknown): WantedChange[] {
  if (Array.isArray(several)) return several.flatMap((one) => changesIn(fieldsOf(one) ?? {}));
  return Object.entries(fieldsOf(several) ?? {}).flatMap(([path, change]) => {
    // { "a.ts": { "update": { "unified_diff": … } } }
    const inner = Object.values(fieldsOf(change) ?? {}).flatMap((value) => fieldsOf(value) ?? []);
    const facts = Object.assign({}, fieldsOf(change), ...inner, { path }) as Fields;
    return changesIn(facts);
  });
}

/** A unified diff may be of several files: each of them is a change. None, if it cannot be read. */
function patchesIn(diff: string, path: string | undefined): WantedChange[] {
  const patches = parsed(diff);
  return patches.flatMap((patch) => {
    const isOnly = patches.length === 1 && path !== undefined;
    const named = nameInHeader(patch.newFileName) ?? nameInHeader(patch.oldFileName) ?? path;
    const changed = isOnly ? path : named;
    return changed === undefined ? [] : [{ path: changed, form: "patch", patch }];
  });
}

/** What stands in a diff outside of its hunks. */
const headerLine =
  /^(---|\+\+\+|@@|===|Index: |diff |index |old |new |deleted |similarity |rename )/;

function parsed(diff: string): StructuredPatch[] {
  // The parser skips what it does not know; a person would not see that there was more.
  const isKnown = (line: string) => /^([ +\-\\]|\r?$)/.test(line) || headerLine.test(line);
  if (!diff.split("\n").every(isKnown)) return [];
  try {
    const patches = parsePatch(diff);
    return patches.every(({ hunks }) => hunks.length > 0) ? patches : [];
  } catch {
    return [];
  }
}

/** `b/src/a.ts` names src/a.ts; /dev/null names nothing. */
function nameInHeader(name: string | undefined): string | undefined {
  if (name === undefined || name === "" || name === "/dev/null") return undefined;
  return name.replace(/^[ab]\//, "");
}

function replacementOf(value: unknown): Replacement[] {
  const fields = fieldsOf(value) ?? {};
  const oldText = stringIn(fields, oldNames) ?? (isNullIn(fields, oldNames) ? "" : undefined);
  const newText = stringIn(fields, newNames);
  if (oldText === undefined || newText === undefined) return [];
  const all = fields["all"] === true || fields["replace_all"] === true;
  return [{ oldText, newText, all }];
}

/** The command line, also out of a list of words. */
function commandIn(fields: Fields): string | undefined {
  const command = fields["command"] ?? fields["cmd"];
  if (typeof command === "string") return command;
  if (!Array.isArray(command) || command.length === 0) return undefined;
  if (!command.every((word): word is string => typeof word === "string")) return undefined;
  return command.map(shellWord).join(" ");
}

function shellWord(word: string): string {
  if (/^[\w@%+=:,./-]+$/.test(word)) return word;
  return `'${word.replaceAll("'", String.raw`'\''`)}'`;
}

/** Text that stands better as it is than inside JSON. */
function textIn(fields: Fields): [text: string | undefined, language: string] {
  const diff = stringIn(fields, diffNames);
  if (diff !== undefined) return [diff, "diff"];
  return [stringIn(fields, ["plan"]), "markdown"];
}

export function jsonOf(value: unknown): string {
  return JSON.stringify(value, null, 2) ?? "nothing";
}

function fieldsOf(value: unknown): Fields | undefined {
  const isObject = typeof value === "object" && value !== null && !Array.isArray(value);
  return isObject ? (value as Fields) : undefined;
}

function listOf(value: unknown): unknown[] {
  return Array.isArray(value) ? value : [];
}

function stringIn(fields: Fields, names: readonly string[]): string | undefined {
  for (const name of names) {
    const value = fields[name];
    if (typeof value === "string") return value;
  }
  return undefined;
}

function isNullIn(fields: Fields, names: readonly string[]): boolean {
  return names.some((name) => fields[name] === null);
}
