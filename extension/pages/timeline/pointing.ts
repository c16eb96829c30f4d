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
    if (mark !== undefined) return { type: "mark", of: mark };
  }
  const end = lane.ends.findLast(({ at }) => isNear(at, 8));
  if (end !== undefined) return { type: "end", of: end };
  const tools = lane.tools.filter((tool) => covers(tool, 2));
  const bad = tools.find(({ status }) => status === "failed" || status === "denied");
  const tool = bad ?? tools.at(-1);
  if (tool !== undefined && y >= toolTop - 2) return { type: "tool", of: tool };
  const span = lane.spans.find((one) => covers(one, 0)) ?? lane.spans.find((one) => covers(one, 2));
  return span === undefined ? undefined : { type: "span", of: span };
}

export function itemsOf(lane: Lane): Item[] {
  const items: Item[] = [
    ...lane.spans.map((of) => ({ type: "span", of }) as const),
    ...lane.tools.map((of) => ({ type: "tool", of }) as const),
    ...lane.marks.map((of) => ({ type: "mark", of }) as const),
    ...lane.ends.map((of) => ({ type: "end", of }) as const),
  ];
  return items.sort((a, b) => timeOf(a) - timeOf(b));
}

export function timeOf({ of }: Item): number {
  return "from" in of ? of.from : of.at;
}
