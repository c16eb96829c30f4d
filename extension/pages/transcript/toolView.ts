/** A tool call: one line with what it does and its state; unfolded, its input and output. */
import type { ToolBlock } from "../../transcript/block.ts";
import { exactDuration } from "../../base/numbers.ts";
import { outputText, visibleText } from "../../base/plainText.ts";
import { joined } from "../../base/text.ts";
import { diffCounts, toolDiffs, type ToolDiff } from "../../transcript/toolDiffs.ts";
import { textOfValue } from "../../transcript/wholeText.ts";
import { diffView } from "./diffView.ts";
import { element, setText } from "../elements/dom.ts";
import { foldable } from "./foldable.ts";
import { fileLink, linkedText } from "./linkedText.ts";
import type { PageContext } from "./pageContext.ts";
import { valueView } from "./valueView.ts";

const leastShownMs = 100;

const marks: Record<ToolBlock["status"], string> = {
  running: "",
  completed: "✓",
  failed: "✗",
  denied: "⊘",
  cancelled: "⊘",
  lost: "–",
};

export function toolView(first: ToolBlock, context: PageContext) {
  let block = first;
  let diffs: ToolDiff[] = [];
  /** The output of a running call, which grows in place. */
  let growing: { output: HTMLElement; input: unknown } | undefined;
  const fold = foldable(first.key, context, fill);
  const mark = element("span", { class: "mark" });
  const name = element("span", { class: "toolName" });
  const title = element("span", { class: "toolTitle" });
  const counts = element("span", { class: "counts" });
  const time = element("span", { class: "took" });
  fold.line.append(mark, name, title, counts, time);
  update(first);

  function update(next: ToolBlock): void {
    block = next;
    diffs = toolDiffs(block.does, block.input, block.result);
    const { status, at, endedAt } = block;
    setText(mark, marks[status]);
    mark.className = `mark ${status}`;
    mark.title = status;
    const called = visibleText(block.name);
    const what = visibleText(block.title);
    setText(name, what === called || what.startsWith(`${called} `) ? "" : called);
    setText(title, what);
    title.className = block.does === "execute" ? "toolTitle command" : "toolTitle";
    const { added, removed } = diffCounts(diffs);
    const isEdit = added + removed > 0;
    setText(counts, isEdit ? `+${added} −${removed}` : "");
    const ms = (endedAt ?? at) - at;
    const took = ms < leastShownMs ? "" : exactDuration(ms);
    const isPlain = status === "completed" || status === "running";
    const word = status === "lost" ? "never ended" : status;
    setText(time, joined([isPlain ? "" : word, took], " · "));
    const lines = isEdit ? `${added} lines added, ${removed} removed` : "";
    fold.line.ariaLabel = joined([word, what, lines, took], ", ");
    fold.refresh();
  }

  function fill(body: HTMLElement): void {
    const { input, output, isOutputCut, result, status, locations } = block;
    const isSame = status === "running" && growing?.input === input;
    const grown = isSame ? growing?.output : undefined;
    if (grown !== undefined && body.contains(grown)) {
      setText(grown, outputText(output));
      return;
    }
    const given = diffs.length > 0 ? undefined : valueView(input, context);
    const got = resultText(result);
    // A result that is shorter than the output so far does not replace it.
    const text = outputText(output.length > got.length ? output : got);
    const shown = element("pre", { class: "output" }, linkedText(text, context));
    growing = status === "running" ? { output: shown, input } : undefined;
    body.replaceChildren(
      ...[
        ...(locations.length > 0 && diffs.length === 0 ? [locationLinks(locations, context)] : []),
        ...diffs.map((diff) => diffView(diff, context)),
        ...(given === undefined ? [] : [section("Input", given)]),
        ...(text === "" && status !== "running" ? [] : [section("Output", shown)]),
        ...(isOutputCut && text !== got
          ? [hint("Only the last part of its output is shown.")]
          : []),
      ],
    );
    if (body.childElementCount === 0) body.append(hint("It had no input and no output."));
  }

  return { element: fold.element, update };
}

/** The result without its diffs, which are shown as such. */
function resultText(result: unknown): string {
  if (typeof result === "object" && result !== null && "diffs" in result) {
    return textOfValue("output" in result ? result.output : undefined);
  }
  return textOfValue(result);
}

function section(name: string, content: HTMLElement): HTMLElement {
  return element("section", {}, element("h4", {}, name), content);
}

function hint(text: string): HTMLElement {
  return element("div", { class: "hint" }, text);
}

function locationLinks(locations: ToolBlock["locations"], context: PageContext): HTMLElement {
  const links = locations.slice(0, 20).map(({ path, line }) => {
    const shown = visibleText(line === undefined ? path : `${path}:${line}`);
    return fileLink(shown, { path, ...(line !== undefined && { line }) }, context);
  });
  return element("div", { class: "locations" }, ...links);
}
