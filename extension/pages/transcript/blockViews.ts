/** The views of each kind of block. A view is made once and then updated with its block. */
import type { Block, OutputBlock, TextBlock } from "../../transcript/block.ts";
import { clock } from "../../base/numbers.ts";
import { outputText, visibleText } from "../../base/plainText.ts";
import { button, element, setText } from "../elements/dom.ts";
import { foldable } from "./foldable.ts";
import { lineOf } from "./lineViews.ts";
import { linkedText } from "./linkedText.ts";
import { markdownView } from "./markdownView.ts";
import type { PageContext } from "./pageContext.ts";
import { toolView } from "./toolView.ts";

export interface BlockView {
  element: HTMLElement;
  /** Called when the revision of the block, or something else that it shows, has changed. */
  update(block: Block): void;
}

/** An article with the block; a screen reader says its name. */
export function blockView(first: Block, context: PageContext): BlockView {
  const content = contentView(first, context);
  const time = element("time", { title: new Date(first.at).toLocaleString() }, clock(first.at));
  const cut = element("div", { class: "cut" });
  const article = element(
    "article",
    { class: `block ${first.kind}`, "aria-label": nameOf(first) },
    ...[time, content.element, cut],
  );
  article.tabIndex = -1;
  article.dataset["seq"] = String(first.seq);
  const update = (block: Block) => {
    content.update(block);
    showCut(cut, block, context);
  };
  update(first);
  return { element: article, update };
}

function contentView(first: Block, context: PageContext): BlockView {
  switch (first.kind) {
    case "message": {
      const view = markdownView(context);
      return viewOf(view.element, first, (block) => {
        view.element.classList.toggle("open", block.isOpen);
        view.update(block.text);
      });
    }
    case "thought":
      return thoughtView(first, context);
    case "tool": {
      const view = toolView(first, context);
      return viewOf(view.element, first, view.update);
    }
    case "output":
      return outputView(first, context);
    case "sent": {
      const text = element("div", { class: "text" });
      text.append(linkedText(visibleText(first.text), context));
      return viewOf(element("div", {}, element("h3", {}, "Message"), text), first, () => {});
    }
    case "plan":
    case "approval":
    case "child":
    case "retry":
    case "note":
    case "wait":
    case "run": {
      const line = element("div", { class: "lineOf" });
      return viewOf(line, first, (block) => line.replaceChildren(...lineOf(block, context)));
    }
  }
}

/** A view is updated only with blocks of its own kind. */
function viewOf<One extends Block>(
  root: HTMLElement,
  _first: One,
  update: (block: One) => void,
): BlockView {
  return { element: root, update: (block) => update(block as One) };
}

function thoughtView(first: TextBlock, context: PageContext): BlockView {
  let block = first;
  const view = markdownView(context);
  const fold = foldable(first.key, context, (body) => {
    if (view.element.parentElement !== body) body.replaceChildren(view.element);
    view.update(block.text);
  });
  const words = element("span", { class: "toolTitle" });
  fold.line.append(element("span", { class: "mark" }, "…"), words);
  return viewOf(fold.element, first, (next) => {
    block = next;
    setText(words, block.isOpen ? "Thinking" : "Thought");
    fold.refresh();
  });
}

function outputView(first: OutputBlock, context: PageContext): BlockView {
  const pre = element("pre");
  let shown: string[] = [];
  return viewOf(pre, first, ({ parts }) => {
    const texts = parts.map(({ stream, text }) => `${stream} ${outputText(text)}`);
    const same = texts.findIndex((text, place) => text !== shown[place]);
    const from = same < 0 ? texts.length : same;
    while (pre.childNodes.length > from) pre.lastChild?.remove();
    for (const { stream, text } of parts.slice(from)) {
      const label = stream === "stderr" ? { "aria-label": "stderr", role: "group" } : {};
      const part = element("span", { class: stream, ...label });
      part.append(linkedText(outputText(text), context));
      pre.append(part);
    }
    shown = texts;
  });
}

/** Links to whole texts below one block. */
const mostCuts = 5;

function showCut(target: HTMLElement, { cuts }: Block, { post }: PageContext): void {
  const count = String(cuts.length);
  if (target.dataset["count"] === count) return;
  target.dataset["count"] = count;
  const links = cuts.slice(-mostCuts).map(({ seq, length, part }) => {
    const what = part === undefined ? "" : ` ${part}`;
    const open = () => post({ type: "openEvent", seq });
    return button("link", `Show all${what} (${sizeText(length)})`, open);
  });
  target.replaceChildren(...links);
}

function sizeText(characters: number): string {
  return characters < 999_500
    ? `${Math.max(1, Math.round(characters / 1_000))} kB`
    : `${(characters / 1_000_000).toFixed(1)} MB`;
}

function nameOf(block: Block): string {
  const time = clock(block.at);
  return `${block.kind === "sent" ? "your message" : block.kind}, ${time}`;
}
