/** Both sides of a change, for a diff editor. Pure. */
import { applyPatch, type StructuredPatch } from "diff";
import type { Replacement } from "../base/toolInput.ts";
import type { RequestedChange } from "./requestedAction.ts";

export interface ChangeSides {
  before: string;
  after: string;
  /** The change does not apply to the present file: only the pieces that it names are shown. */
  isPartial: boolean;
}

/** `current` is the present text of the file; undefined where it cannot be read. */
export function sidesOf(change: RequestedChange, current: string | undefined): ChangeSides {
  switch (change.form) {
    case "whole":
      return { before: current ?? "", after: change.newText, isPartial: false };
    case "replacements":
      return replacedSides(change.replacements, current);
    case "patch":
      return patchedSides(change.patch, current);
  }
}

function replacedSides(
  replacements: readonly Replacement[],
  current: string | undefined,
): ChangeSides {
  let after = current ?? "";
  let fits = true;
  for (const { oldText, newText, all } of replacements) {
    if (oldText === "") fits &&= after === "";
    else fits &&= after.includes(oldText);
    if (oldText === "") after = newText;
    else if (all) after = after.replaceAll(oldText, () => newText);
    else after = after.replace(oldText, () => newText);
  }
  if (fits) return { before: current ?? "", after, isPartial: false };
  return {
    before: replacements.map(({ oldText }) => oldText).join(gap),
    after: replacements.map(({ newText }) => newText).join(gap),
    isPartial: true,
  };
}

function patchedSides(patch: StructuredPatch, current: string | undefined): ChangeSides {
  const pieces = piecesOf(patch);
  // The patch creates the file: a file that exists by now would be overwritten.
  if (patch.oldFileName === "/dev/null") {
    return { before: current ?? "", after: pieces.after, isPartial: false };
  }
  if (current === undefined) return pieces;
  const after = applyPatch(current, patch);
  return after === false ? pieces : { before: current, after, isPartial: false };
}

/** Separates pieces of a file that are not adjacent. */
const gap = "\n⋯\n";

function piecesOf({ hunks }: StructuredPatch): ChangeSides {
  const side = (left: string) => hunks.map(({ lines }) => linesOf(lines, left)).join(gap);
  return { before: side("-"), after: side("+"), isPartial: true };
}

/** The lines of one side. A line with `\` says that the line before has no line end. */
function linesOf(lines: readonly string[], sign: string): string {
  let text = "";
  for (const [place, line] of lines.entries()) {
    if (line[0] !== sign && line[0] !== " ") continue;
    const hasEnd = lines[place + 1]?.startsWith("\\") !== true;
    text += line.slice(1) + (hasEnd ? "\n" : "");
  }
  return text;
}
