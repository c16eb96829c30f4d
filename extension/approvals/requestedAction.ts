/**
 * What an approval asks for, read from the input of the tool: changes of files, a command line. Any
 * other input is shown as JSON. Pure.
 */
import { parsePatch, type StructuredPatch } from "diff";
import type { Approval } from "../../protocol/approvals.ts";
import { shellWord } from "../base/text.ts";
import { changesIn, fieldsOf, textIn, type InputChange } from "../base/toolInput.ts";

export type RequestedAction =
  | { kind: "changes"; changes: RequestedChange[] }
  /** `more` is the rest of the input, such as a folder or a time-out. */
  | { kind: "command"; command: string; more: Record<string, unknown> }
  /** A plan, or a diff that cannot be parsed. */
  | { kind: "text"; text: string; language: string }
  | { kind: "input"; json: string };

/** A change of one file. The path may be relative to the session's folder. */
export type RequestedChange =
  { path: string; form: "patch"; patch: StructuredPatch } | Exclude<InputChange, { form: "diff" }>;

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
  const changes = changesIn(fields).flatMap((change) =>
    change.form === "diff" ? patchesIn(change.diff, change.path) : [change],
  );
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

/** The command line, which may be given as a list of words. */
function commandIn(fields: Readonly<Record<string, unknown>>): string | undefined {
  const command = fields["command"] ?? fields["cmd"];
  if (typeof command === "string") return command;
  if (!Array.isArray(command) || command.length === 0) return undefined;
  if (!command.every((word): word is string => typeof word === "string")) return undefined;
  return command.map(shellWord).join(" ");
}

export function jsonOf(value: unknown): string {
  return JSON.stringify(value, null, 2) ?? "nothing";
}
