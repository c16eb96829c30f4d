/** The rows beside the lanes, one for each visible lane; only what differs is changed. */
import { laneHeight } from "../../timeline/chart.ts";
import type { Palette } from "../../timeline/drawing.ts";
import type { Lane } from "../../timeline/lanes.ts";
import { signAt } from "../../timeline/signs.ts";
import { laneLabel, money, tokensOf } from "../../timeline/words.ts";
import { element, setAttribute, setText, svgElement } from "../elements/dom.ts";
import { patch } from "./patch.ts";

export interface VisibleRows {
  lanes: readonly Lane[];
  /** Place of the first one among all lanes. */
  first: number;
  of: number;
  selected: string | undefined;
  /** The highest cost of a lane: the length of the bars is relative to it. */
  mostCost: number;
  now: number;
  palette: Palette;
}

const indentPixels = 14;
const deepest = 10;

export function rowId(place: number): string {
  return `lane-${place}`;
}

export function drawRows(parent: HTMLElement, visible: VisibleRows): void {
  while (parent.children.length > visible.lanes.length) parent.lastElementChild?.remove();
  while (parent.children.length < visible.lanes.length) parent.append(emptyRow());
  for (const [index, lane] of visible.lanes.entries()) {
    const row = parent.children[index];
    if (row instanceof HTMLElement) drawRow(row, lane, visible.first + index, visible);
  }
}

function emptyRow(): HTMLElement {
  return element(
    "div",
    { class: "row", role: "treeitem" },
    element(
      "span",
      { class: "name" },
      svgElement("svg", { width: "16", height: "16" }),
      element("span", {}),
    ),
    element("span", { class: "word" }),
    element("span", { class: "tokens" }),
    element("span", { class: "cost" }, element("i", {}), element("span", {})),
  );
}

function drawRow(row: HTMLElement, lane: Lane, place: number, visible: VisibleRows): void {
  const [name, word, tokens, cost] = row.children;
  const sign = name?.firstElementChild;
  if (!(name instanceof HTMLElement) || !word || !tokens || !cost || !sign) return;
  row.style.top = `${place * laneHeight}px`;
  row.id = rowId(place);
  row.classList.toggle("odd", place % 2 === 1);
  setAttribute(row, "aria-selected", String(lane.sessionId === visible.selected));
  setAttribute(row, "aria-level", lane.depth + 1);
  setAttribute(row, "aria-posinset", place + 1);
  setAttribute(row, "aria-setsize", visible.of);
  setAttribute(row, "aria-label", laneLabel(lane, visible.now));
  name.style.paddingInlineStart = `${Math.min(lane.depth, deepest) * indentPixels}px`;
  patch(sign, [signAt(lane.sign, 8, 8, 16, visible.palette)]);
  if (name.lastElementChild) setText(name.lastElementChild, lane.title);
  setText(word, lane.word);
  setText(tokens, tokensOf(lane.own));
  const [bar, amount] = cost.children;
  if (amount) setText(amount, money(lane.own.costUsd));
  const share = visible.mostCost > 0 ? lane.own.costUsd / visible.mostCost : 0;
  if (bar instanceof HTMLElement) bar.style.width = `${Math.round(share * 100)}%`;
}
