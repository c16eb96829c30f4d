/** A change of a file, as added and removed lines. */
import { visibleText } from "../../base/plainText.ts";
import { diffLines, type ToolDiff } from "../../transcript/toolDiffs.ts";
import { element } from "../elements/dom.ts";
import { fileLink } from "./linkedText.ts";
import type { PageContext } from "./pageContext.ts";

const mostLines = 2_000;

const signs = { added: "+", removed: "−", same: " ", place: "" };
const words = { added: "added", removed: "removed", same: undefined, place: undefined };

export function diffView({ path, diff }: ToolDiff, context: PageContext): HTMLElement {
  const lines = diffLines(diff);
  const shown = lines.slice(0, mostLines).map(({ kind, text }) => {
    const sign = element("span", { class: "sign" }, signs[kind]);
    // The word is for screen readers.
    const word = words[kind];
    if (word !== undefined) {
      sign.role = "img";
      sign.ariaLabel = word;
    }
    return element("div", { class: `line ${kind}` }, sign, visibleText(text));
  });
  const more = lines.length - shown.length;
  return element(
    "div",
    { class: "diff" },
    path === "" ? undefined : element("div", { class: "path" }, fileOf(path, lines, context)),
    element("div", { class: "lines" }, ...shown),
    more > 0 ? element("div", { class: "more" }, `${more} more lines`) : undefined,
  );
}

/** A link to the first changed line of the file. */
function fileOf(path: string, lines: ReturnType<typeof diffLines>, context: PageContext): Node {
  const place = lines.find(({ kind }) => kind === "place")?.text ?? "";
  const line = Number(/\+(\d+)/.exec(place)?.[1] ?? 0);
  return fileLink(visibleText(path), { path, ...(line > 0 && { line }) }, context);
}
