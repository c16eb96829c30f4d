/**
 * What an approval asks for, read from the input of the tool: a diff, old and new text, a whole
 * file, a command line. Any other input is shown as JSON. Pure.
 */
import { parsePatch, type StructuredPatch } from "diff";
import type { Approval } from "../../protocol/approvals.ts";
import { shellWord } from "../base/text.ts";
import { fieldsOf, isNullIn, listOf, textIn, type Fields } from "../base/toolInput.ts";

export type RequestedAction =
  | { kind: "changes"; changes: RequestedChange[] }
  /** `more` is the rest of the input, such as a folder or a time-out. */
  | { kind: "command"; command: string; more: Record<string, unknown> }
  /** A plan, or a diff that cannot be parsed. */
  | { kind: "text"; text: string; language: string }
  | { kind: "input"; json: string };

/** A change of one file. The path may be relative to the session's folder. */
export type RequestedChange =
  | { path: string; form: "patch"; patch: StructuredPatch }
  | { path: string; form: "replacements"; replacements: Replacement[] }
  | { path: string; form: "whole"; newText: string };

export interface Replacement {
  oldText: string;
  newText: string;
  /** Replaces every occurrence, not only the first. */
  all: boolean;
}

export function requestedAction({
  kind,
  input,
}: Pick<Approval, "kind" | "input">): RequestedAction {
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
  const diff = textIn(fields, "diff");
  if (diff !== undefined) return { kind: "text", text: diff, language: "diff" };
  const { plan } = fields;
  if (typeof plan === "string") return { kind: "text", text: plan, language: "markdown" };
  return { kind: "input", json: jsonOf(input) };
}

function changesIn(fields: Fields): RequestedChange[] {
  const path = textIn(fields, "path");
  const diff = textIn(fields, "diff");
  if (diff !== undefined) return patchesIn(diff, path);
  const several = fields["diffs"] ?? fields["changes"];
  if (several !== undefined) return severalChanges(several);
  if (path === undefined) return [];
  const replacements = listOf(fields["edits"] ?? [fields]).flatMap(replacementOf);
  if (replacements.length > 0) return [{ path, form: "replacements", replacements }];
  const newText = textIn(fields, "wholeText");
  return newText === undefined ? [] : [{ path, form: "whole", newText }];
}

/** A list of changes, or an object with a change for each path. */
function severalChanges(several: unknown): RequestedChange[] {
  if (Array.isArray(several)) return listOf(several).flatMap(changesIn);
  return Object.entries(fieldsOf(several) ?? {}).flatMap(([path, change]) => {
    // { "a.ts": { "update": { "unified_diff": … } } }
    const inner = Object.values(fieldsOf(change) ?? {}).flatMap((value) => fieldsOf(value) ?? []);
    return changesIn(Object.assign({}, fieldsOf(change), ...inner, { path }) as Fields);
  });
}

/** One change for each file of a unified diff; none where the diff cannot be parsed. */
function patchesIn(diff: string, path: string | undefined): RequestedChange[] {
  const patches = parsed(diff);
  return patches.flatMap((patch) => {
    const isOnly = patches.length === 1 && path !== undefined;
    const named = nameInHeader(patch.newFileName) ?? nameInHeader(patch.oldFileName) ?? path;
    const changed = isOnly ? path : named;
    return changed === undefined ? [] : [{ path: changed, form: "patch", patch }];
  });
}

/** The lines of a diff outside of its hunks. */
const headerLine =
  /^(---|\+\+\+|@@|===|Index: |diff |index |old |new |deleted |similarity |rename )/;

function parsed(diff: string): StructuredPatch[] {
  // The parser skips lines that it does not know, and a person would not see them.
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

function replacementOf(fields: Fields): Replacement[] {
  const oldText = textIn(fields, "oldText") ?? (isNullIn(fields, "oldText") ? "" : undefined);
  const newText = textIn(fields, "newText");
  if (oldText === undefined || newText === undefined) return [];
  const all = fields["all"] === true || fields["replace_all"] === true;
  return [{ oldText, newText, all }];
}

/** The command line, which may be given as a list of words. */
function commandIn(fields: Fields): string | undefined {
  const command = fields["command"] ?? fields["cmd"];
  if (typeof command === "string") return command;
  if (!Array.isArray(command) || command.length === 0) return undefined;
  if (!command.every((word): word is string => typeof word === "string")) return undefined;
  return command.map(shellWord).join(" ");
}

export function jsonOf(value: unknown): string {
  return JSON.stringify(value, null, 2) ?? "nothing";
}
