/** Both sides of a change, as a diff editor wants to have them. Pure. */
import { applyPatch, type StructuredPatch } from "diff";
import type { Replacement, WantedChange } from "./requestedAction.ts";

export interface ChangeSides {
  before: string;
  after: string;
  /** The change does not fit the file as it is now: only the pieces that it names are shown. */
  isPartial: boolean;
}

/** `current` is the file as it is now; undefined where there is none, or none that can be read. */
export function sidesOf(change: WantedChange, current: string | undefined): ChangeSides {
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
  // It was made for a file that is not there: one that is there now would be overwritten.
  if (patch.oldFileName === "/dev/null") {
    return { before: current ?? "", after: pieces.after, isPartial: false };
  }
  if (current === undefined) return pieces;
  const after = applyPatch(current, patch);
  return after === false ? pieces : { before: current, after, isPartial: false };
}

/** Stands between pieces of a file that are not next to each other. */
const gap = "\n⋯\n";

function piecesOf({ hunks }: StructuredPatch): ChangeSides {
  const side = (left: string) => hunks.map(({ lines }) => linesOf(lines, left)).join(gap);
  return { before: side("-"), after: side("+"), isPartial: true };
}

/** The lines of one side; the mark says that the line before it has no end. */
function linesOf(lines: readonly string[], sign: string): string {
  let text = "";
  for (const [place, line] of lines.entries()) {
    if (line[0] !== sign && line[0] !== " ") continue;
    const hasEnd = lines[place + 1]?.startsWith("\\") !== true;
    text += line.slice(1) + (hasEnd ? "\n" : "");
  }
  return text;
}
