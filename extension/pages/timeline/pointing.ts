/** The items of a lane: which one is at a place, and all in the order of time. Pure. */
import { barBottom, placeOf, toolTop, type ChartView } from "../../timeline/chart.ts";
import type { Lane } from "../../timeline/lanes.ts";
import type { Item } from "../../timeline/words.ts";

/** How many pixels a pointer may be off. */
const near = 6;

/** The topmost item at a place; signs are above spans. `y` is counted from the top of the lane. */
export function itemAt(lane: Lane, x: number, y: number, view: ChartView): Item | undefined {
  const isNear = (at: number, offset = 0) => Math.abs(placeOf(at, view) + offset - x) <= near;
  const covers = ({ from, to = view.now }: { from: number; to?: number }, room: number) =>
    placeOf(from, view) - room <= x && x <= placeOf(to, view) + room;
  if (y < barBottom) {
    const mark = lane.marks.find(({ at }) => isNear(at));
    if (mark !== undefined) return { type: "mark", mark };
  }
  const end = lane.ends.findLast(({ at }) => isNear(at, 8));
  if (end !== undefined) return { type: "end", end };
  const tools = lane.tools.filter((tool) => covers(tool, 2));
  const bad = tools.find(({ status }) => status === "failed" || status === "denied");
  const tool = bad ?? tools.at(-1);
  if (tool !== undefined && y >= toolTop - 2) return { type: "tool", tool };
  const span = lane.spans.find((one) => covers(one, 0)) ?? lane.spans.find((one) => covers(one, 2));
  return span === undefined ? undefined : { type: "span", span };
}

export function itemsOf(lane: Lane): Item[] {
  const items: Item[] = [
    ...lane.spans.map((span) => ({ type: "span", span }) as const),
    ...lane.tools.map((tool) => ({ type: "tool", tool }) as const),
    ...lane.marks.map((mark) => ({ type: "mark", mark }) as const),
    ...lane.ends.map((end) => ({ type: "end", end }) as const),
  ];
  return items.sort((a, b) => timeOf(a) - timeOf(b));
}

export function timeOf(item: Item): number {
  switch (item.type) {
    case "span":
      return item.span.from;
    case "tool":
      return item.tool.from;
    case "mark":
      return item.mark.at;
    case "end":
      return item.end.at;
  }
}
