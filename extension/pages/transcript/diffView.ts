/** A change of a file as lines that came and went. */
import { visibleText } from "../../base/plainText.ts";
import { diffLines, type ToolDiff } from "../../transcript/toolDiffs.ts";
import { element } from "./dom.ts";
import { fileLink } from "./linkedText.ts";
import type { PageContext } from "./pageContext.ts";

/** Lines beyond these are only counted. */
const mostLines = 2_000;

const signs = { added: "+", removed: "−", same: " ", place: "" };
const words = { added: "added", removed: "removed", same: undefined, place: undefined };

export function diffView({ path, diff }: ToolDiff, context: PageContext): HTMLElement {
  const lines = diffLines(diff);
  const shown = lines.slice(0, mostLines).map(({ kind, text }) => {
    const sign = element("span", { className: "sign" }, signs[kind]);
    // A screen reader says the word; others see colour and sign.
    const word = words[kind];
    if (word !== undefined) {
      sign.role = "img";
      sign.ariaLabel = word;
    }
    return element("div", { className: `line ${kind}` }, sign, visibleText(text));
  });
  const more = lines.length - shown.length;
  return element(
    "div",
    { className: "diff" },
    path === "" ? undefined : element("div", { className: "path" }, fileOf(path, lines, context)),
    element("div", { className: "lines" }, ...shown),
    more > 0 ? element("div", { className: "more" }, `${more} more lines`) : undefined,
  );
}

/** The link leads to the first place of the change. */
function fileOf(path: string, lines: ReturnType<typeof diffLines>, context: PageContext): Node {
  const place = lines.find(({ kind }) => kind === "place")?.text ?? "";
  const line = Number(/\+(\d+)/.exec(place)?.[1] ?? 0);
  return fileLink(visibleText(path), { path, ...(line > 0 && { line }) }, context);
}
