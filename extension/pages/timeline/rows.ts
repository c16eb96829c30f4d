/** The names beside the lanes: one row for each lane in sight, made anew only where it differs. */
import { laneHeight } from "../../timeline/chart.ts";
import type { Palette } from "../../timeline/drawing.ts";
import type { Lane } from "../../timeline/lanes.ts";
import { signAt } from "../../timeline/signs.ts";
import { laneLabel, money, tokensOf } from "../../timeline/words.ts";
import { make, makeSvg, patch, setAttribute, setText } from "./dom.ts";

export interface RowsInSight {
  lanes: readonly Lane[];
  /** Place of the first of them among all. */
  first: number;
  /** How many there are in all. */
  of: number;
  selected: string | undefined;
  /** The most that a lane has cost: what the bars behind the costs are measured by. */
  mostCost: number;
  now: number;
  palette: Palette;
}

const indentPixels = 14;
const deepest = 10;

export function rowId(place: number): string {
  return `lane-${place}`;
}

export function drawRows(parent: HTMLElement, sight: RowsInSight): void {
  while (parent.children.length > sight.lanes.length) parent.lastElementChild?.remove();
  while (parent.children.length < sight.lanes.length) parent.append(emptyRow());
  for (const [index, lane] of sight.lanes.entries()) {
    const row = parent.children[index];
    if (row instanceof HTMLElement) drawRow(row, lane, sight.first + index, sight);
  }
}

function emptyRow(): HTMLElement {
  return make(
    "div",
    { class: "row", role: "treeitem" },
    make("span", { class: "name" }, makeSvg({ width: "16", height: "16" }), make("span", {})),
    make("span", { class: "word" }),
    make("span", { class: "tokens" }),
    make("span", { class: "cost" }, make("i", {}), make("span", {})),
  );
}

function drawRow(row: HTMLElement, lane: Lane, place: number, sight: RowsInSight): void {
  const [name, word, tokens, cost] = row.children;
  const sign = name?.firstElementChild;
  if (!(name instanceof HTMLElement) || !word || !tokens || !cost || !sign) return;
  row.style.top = `${place * laneHeight}px`;
  row.id = rowId(place);
  row.classList.toggle("odd", place % 2 === 1);
  setAttribute(row, "aria-selected", String(lane.sessionId === sight.selected));
  setAttribute(row, "aria-level", lane.depth + 1);
  setAttribute(row, "aria-posinset", place + 1);
  setAttribute(row, "aria-setsize", sight.of);
  setAttribute(row, "aria-label", laneLabel(lane, sight.now));
  name.style.paddingInlineStart = `${Math.min(lane.depth, deepest) * indentPixels}px`;
  patch(sign, [signAt(lane.look, 8, 8, 16, sight.palette)]);
  if (name.lastElementChild) setText(name.lastElementChild, lane.title);
  setText(word, lane.word);
  setText(tokens, tokensOf(lane.own));
  const [bar, amount] = cost.children;
  if (amount) setText(amount, money(lane.own.costUsd));
  const share = sight.mostCost > 0 ? lane.own.costUsd / sight.mostCost : 0;
  if (bar instanceof HTMLElement) bar.style.width = `${Math.round(share * 100)}%`;
}
