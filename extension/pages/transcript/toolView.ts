/** A tool call: one line that says what it does and how it went; input and output when unfolded. */
import type { Block } from "../../transcript/blocks.ts";
import { outputText, visibleText } from "../../base/plainText.ts";
import { diffCounts, toolDiffs, type ToolDiff } from "../../transcript/toolDiffs.ts";
import { textOfValue } from "../../transcript/wholeText.ts";
import { diffView } from "./diffView.ts";
import { element, setText, shortDuration } from "./dom.ts";
import { foldable } from "./foldable.ts";
import { fileLink, linkedText } from "./linkedText.ts";
import type { PageContext } from "./pageContext.ts";
import { valueView } from "./valueView.ts";

type ToolBlock = Extract<Block, { kind: "tool" }>;

/** Shorter times say nothing. */
const mentionedMs = 100;

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
  /** The output of a call that still runs: it grows in place. */
  let growing: { output: HTMLElement; input: unknown } | undefined;
  const fold = foldable(first.key, context, fill);
  const mark = element("span", { className: "mark" });
  const name = element("span", { className: "toolName" });
  const title = element("span", { className: "toolTitle" });
  const counts = element("span", { className: "counts" });
  const time = element("span", { className: "took" });
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
    const took = ms < mentionedMs ? "" : shortDuration(ms);
    const isPlain = status === "completed" || status === "running";
    const word = status === "lost" ? "never ended" : status;
    setText(time, [isPlain ? "" : word, took].filter((one) => one !== "").join(" · "));
    const heard = [word, what, isEdit ? `${added} lines added, ${removed} removed` : "", took];
    fold.line.ariaLabel = heard.filter((one) => one !== "").join(", ");
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
    // The whole at the end says what came in pieces before; a short word does not stand for them.
    const said = output.length > got.length ? outputText(output) : outputText(got);
    const shown = element("pre", { className: "output" }, linkedText(said, context));
    growing = status === "running" ? { output: shown, input } : undefined;
    body.replaceChildren(
      ...[
        ...(locations.length > 0 && diffs.length === 0 ? [locationLinks(locations, context)] : []),
        ...diffs.map((diff) => diffView(diff, context)),
        ...(given === undefined ? [] : [section("Input", given)]),
        ...(said === "" && status !== "running" ? [] : [section("Output", shown)]),
        ...(isOutputCut && said !== got
          ? [hint("Only the last part of its output is shown.")]
          : []),
      ],
    );
    if (body.childElementCount === 0) body.append(hint("It had no input and no output."));
  }

  return { element: fold.element, update };
}

/** Diffs are shown as diffs. */
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
  return element("div", { className: "hint" }, text);
}

function locationLinks(locations: ToolBlock["locations"], context: PageContext): HTMLElement {
  const links = locations.slice(0, 20).map(({ path, line }) => {
    const shown = visibleText(line === undefined ? path : `${path}:${line}`);
    return fileLink(shown, { path, ...(line !== undefined && { line }) }, context);
  });
  return element("div", { className: "locations" }, ...links);
}
