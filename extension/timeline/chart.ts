/**
 * Axis, spans, tool calls and signs of lanes as SVG elements. Pure. The page draws the visible lanes,
 * the export all of them. What falls into one pixel is drawn once, so that the picture stays small.
 */
import { exactDuration } from "../base/numbers.ts";
import { element, group, groupAt, px, type Palette, type SvgElement } from "./drawing.ts";
import type { Lane, ToolBar } from "./lanes.ts";
import type { Span, SpanKind } from "./runSpans.ts";
import { ticksOf, type Step, type TimeScale } from "./scale.ts";
import { isThin, signAt, signColor, spanStyle } from "./signs.ts";
import { elapsed, type Item } from "./words.ts";

export interface ChartView {
  width: number;
  /** The visible part, in shown milliseconds of the scale. */
  from: number;
  to: number;
  scale: TimeScale;
  now: number;
  isLive: boolean;
  palette: Palette;
  /** Makes the title of an item; without this, items have none. */
  describe?: (lane: Lane, item: Item) => string;
}

export const laneHeight = 28;
export const axisHeight = 64;
export const toolTop = 20;
export const barBottom = 17;
const barTop = 6;
const barHeight = barBottom - barTop;
const toolHeight = 4;
const labelRoom = 90;
const stripTop = 28;
const stripHeight = 30;

/** Pixels from the left of the chart. */
export function placeOf(at: number, view: ChartView): number {
  return placeOfShown(view.scale.shown(at), view);
}

function placeOfShown(shown: number, { from, to, width }: ChartView): number {
  return ((shown - from) / (to - from)) * width;
}

/** The axis: round times, breaks, and below them the number of sessions that worked at once. */
export function axisOf(steps: readonly Step[], view: ChartView): SvgElement {
  const { width, palette, scale } = view;
  const text = { fill: palette.quiet, "font-size": 11, "font-family": palette.font };
  const breaks = visibleBreaks(view);
  const ticks = visibleTicks(view).flatMap(({ x, elapsedMs, stepMs }) => {
    if (breaks.some((one) => Math.abs(one.x - x) < labelRoom / 2)) return [];
    return [element("text", { ...text, x: px(x + 4), y: 15 }, elapsed(elapsedMs, stepMs))];
  });
  const breakText = { ...text, y: 15, "text-anchor": "middle", ...halo(palette) };
  const breakLabels = breaks.map(({ x, from, to }) =>
    element("text", { ...breakText, x: px(x) }, `${exactDuration(to - from)} idle`),
  );
  return group(
    ...gridOf(view, axisHeight),
    ...stripOf(steps, view),
    ...breakLinesOf(view, axisHeight),
    ...ticks,
    ...breakLabels,
    element("path", { d: `M0 ${axisHeight - 0.5}H${width}`, stroke: palette.line }),
    ...(scale.length > 0 ? [] : [element("text", { ...text, x: 4, y: 15 }, "nothing yet")]),
  );
}

export function lanesOf(lanes: readonly Lane[], view: ChartView): SvgElement {
  return group(
    ...gridOf(view, lanes.length * laneHeight),
    ...lanes.map((lane, place) => laneOf(lane, place * laneHeight, view)),
    ...breakLinesOf(view, lanes.length * laneHeight),
  );
}

function laneOf(lane: Lane, top: number, view: ChartView): SvgElement {
  const { palette } = view;
  const first = lane.spans[0];
  const last = lane.spans.at(-1);
  const begin = first === undefined ? 0 : clamped(placeOf(first.from, view), view);
  const end = last === undefined ? 0 : clamped(placeOf(last.to ?? view.now, view), view);
  const middle = barTop + barHeight / 2;
  const line = element("path", {
    d: `M${px(begin)} ${middle}H${px(end)}`,
    stroke: palette.quiet,
    "stroke-dasharray": "1 3",
  });
  return groupAt(
    0,
    top,
    ...(end > begin ? [line] : []),
    ...spansOf(lane, view),
    ...toolsOf(lane, view),
    ...endsOf(lane, view),
    ...marksOf(lane, view),
  );
}

function spansOf(lane: Lane, view: ChartView): SvgElement[] {
  const drawn: SvgElement[] = [];
  const drawnTo = new Map<SpanKind, number>();
  for (const span of lane.spans) {
    const left = placeOf(span.from, view);
    const right = placeOf(span.to ?? view.now, view);
    const isHidden = right <= (drawnTo.get(span.kind) ?? -1);
    if (isHidden || right < 0 || left > view.width) continue;
    const end = Math.max(right, left + 1);
    drawnTo.set(span.kind, Math.floor(end));
    drawn.push(titled(spanShape(span, left, end, view), lane, { type: "span", of: span }, view));
  }
  return drawn;
}

function spanShape({ kind, torn }: Span, from: number, to: number, view: ChartView): SvgElement {
  // Far outside of the picture the numbers would be too large for a renderer.
  const [left, right] = [clamped(from, view), clamped(to, view)];
  const margin = isThin(kind) ? 3 : 0;
  const style = spanStyle(kind, view.palette);
  const isEdged = "stroke" in style && right - left > 2;
  const inset = isEdged ? 0.5 : 0;
  const [x1, x2] = [left + inset, right - inset];
  const y1 = barTop + inset + margin;
  const y2 = barTop + barHeight - inset - margin;
  if (torn !== undefined && right - left > 8) {
    return element("path", { d: tornPath(x1, x2, y1, y2, torn), ...style });
  }
  const rect = { x: px(x1), y: y1, width: px(x2 - x1), height: y2 - y1 };
  return element("rect", { ...rect, ...(right - left > 6 && { rx: 2 }), ...style });
}

/** A side that is not known exactly is drawn torn. */
function tornPath(x1: number, x2: number, y1: number, y2: number, torn: Span["torn"]): string {
  const step = (y2 - y1) / 4;
  const edge = (x: number, by: number, way: number) =>
    [1, 2, 3, 4].map((n) => `l${n % 2 === 1 ? by : -by} ${px(step * way)}`).join("");
  const right = torn === "start" ? `V${y2}` : edge(x2, -3, 1);
  const left = torn === "end" ? "" : edge(x1, 3, -1);
  return `M${px(x1)} ${y1}H${px(x2)}${right}H${px(x1)}${left}Z`;
}

function toolsOf(lane: Lane, view: ChartView): SvgElement[] {
  const drawn: SvgElement[] = [];
  let drawnTo = -1;
  for (const tool of lane.tools) {
    const left = placeOf(tool.from, view);
    const right = Math.max(placeOf(tool.to ?? view.now, view), left + 2);
    const isBad = tool.status === "failed" || tool.status === "denied";
    if (right < 0 || left > view.width || (right <= drawnTo && !isBad)) continue;
    const from = Math.max(left, isBad ? left : drawnTo);
    drawnTo = Math.max(drawnTo, Math.floor(right + 1));
    drawn.push(titled(toolShape(tool, from, right, view), lane, { type: "tool", of: tool }, view));
  }
  return drawn;
}

/** A call that failed is crossed at its end. */
function toolShape({ status }: ToolBar, from: number, to: number, view: ChartView): SvgElement {
  const [left, right] = [clamped(from, view), clamped(to, view)];
  const isBad = status === "failed" || status === "denied";
  const { palette } = view;
  const style = isBad ? { fill: palette.bad } : { fill: palette.foreground, "fill-opacity": 0.55 };
  const size = { width: px(Math.max(1, right - left)), height: toolHeight, rx: 1 };
  const bar = element("rect", { x: px(left), y: toolTop, ...size, ...style });
  if (!isBad) return bar;
  const middle = toolTop + toolHeight / 2;
  const cross = `M${px(right - 3)} ${middle - 3}l6 6m0 -6l-6 6`;
  return group(bar, element("path", { d: cross, stroke: palette.bad, "stroke-width": 1.5 }));
}

/** The signs of how runs ended, right of their ends. */
function endsOf(lane: Lane, view: ChartView): SvgElement[] {
  let drawnTo = -Infinity;
  return lane.ends.flatMap((end) => {
    const x = placeOf(end.at, view) + 8;
    if (x < 0 || x > view.width + 8 || x < drawnTo) return [];
    drawnTo = x + 10;
    const y = barTop + barHeight / 2;
    const sign = group(
      chip(x, y, view.palette),
      signAt(end.status ?? "created", px(x), y, 11, view.palette),
    );
    return [titled(sign, lane, { type: "end", of: end }, view)];
  });
}

function marksOf(lane: Lane, view: ChartView): SvgElement[] {
  let drawnTo = -Infinity;
  const ends = lane.ends.map(({ at }) => placeOf(at, view));
  return lane.marks.flatMap((mark) => {
    const x = placeOf(mark.at, view);
    // The sign of the end says as much as the error before it.
    const isAtEnd = ends.some((end) => Math.abs(end - x) < 12);
    if (x < 0 || x > view.width || x < drawnTo || isAtEnd) return [];
    drawnTo = x + 10;
    const y = barTop + 1;
    const sign = group(chip(x, y, view.palette), signAt(mark.kind, px(x), y, 10, view.palette));
    return [titled(sign, lane, { type: "mark", of: mark }, view)];
  });
}

/** A background that keeps a sign readable. */
function chip(x: number, y: number, palette: Palette): SvgElement {
  return element("circle", { cx: px(x), cy: y, r: 6.5, fill: palette.background });
}

function titled(shape: SvgElement, lane: Lane, item: Item, { describe }: ChartView): SvgElement {
  if (describe === undefined) return shape;
  return { ...shape, children: [element("title", {}, describe(lane, item)), ...shape.children] };
}

/** Lines through all lanes: round times, breaks, and now. */
function gridOf(view: ChartView, height: number): SvgElement[] {
  const { palette } = view;
  const lines = visibleTicks(view).map(({ x }) => `M${px(x)} 0V${height}`);
  const now = placeOf(view.now, view);
  return [
    element("path", { d: lines.join(""), stroke: palette.line, "stroke-opacity": 0.4 }),
    ...(view.isLive && now >= 0 && now <= view.width
      ? [element("path", { d: `M${px(now)} 0V${height}`, stroke: palette.works })]
      : []),
  ];
}

/** The picture is torn through all lanes where time is left out. */
function breakLinesOf(view: ChartView, height: number): SvgElement[] {
  const { palette } = view;
  const count = Math.ceil(height / 8);
  const teeth = Array.from({ length: count }, (_none, n) => `l${n % 2 === 0 ? 4 : -4} 8`).join("");
  const line = (x: number, stroke: string, width: number) =>
    element("path", { d: `M${px(x)} 0${teeth}`, fill: "none", stroke, "stroke-width": width });
  return visibleBreaks(view).map(({ x }) =>
    group(
      line(x - 2, palette.background, 7),
      line(x - 5, palette.quiet, 1),
      line(x + 1, palette.quiet, 1),
    ),
  );
}

function visibleBreaks(view: ChartView) {
  return view.scale.breaks
    .map((one) => ({ ...one, x: placeOfShown(one.shown, view) }))
    .filter(({ x }) => x >= 0 && x <= view.width);
}

function visibleTicks(view: ChartView) {
  const { from, to, width, scale } = view;
  const ticks = ticksOf(scale, from, to, Math.max(1, width / labelRoom));
  return ticks.map((tick) => ({ ...tick, x: placeOfShown(tick.shown, view) }));
}

/** How many sessions worked at once: the maximum for each pixel, as one stepped area. */
function stripOf(steps: readonly Step[], view: ChartView): SvgElement[] {
  const { palette } = view;
  const columns = Array.from({ length: Math.ceil(view.width) }, () => 0);
  const most = steps.reduce((top, { count }) => Math.max(top, count), 0);
  for (const [place, { at, count }] of steps.entries()) {
    const until = steps[place + 1]?.at ?? at;
    const left = Math.max(0, Math.floor(placeOf(at, view)));
    const right = Math.min(columns.length, Math.max(left + 1, Math.ceil(placeOf(until, view))));
    for (let x = left; x < right; x += 1) columns[x] = Math.max(columns[x] ?? 0, count);
  }
  if (most === 0) return [];
  const bottom = stripTop + stripHeight;
  let d = `M0 ${bottom}`;
  let before = 0;
  for (const [x, count] of columns.entries()) {
    if (count === before) continue;
    d += `H${x}V${px(bottom - (count / most) * stripHeight)}`;
    before = count;
  }
  d += `H${columns.length}V${bottom}Z`;
  const text = { x: 4, y: stripTop + 8, "font-size": 10, fill: palette.quiet, ...halo(palette) };
  return [
    element("path", { d, fill: signColor("running", palette), "fill-opacity": 0.4 }),
    element("text", { ...text, "font-family": palette.font }, `${most} at once`),
  ];
}

/** An outline that keeps a text readable. */
function halo(palette: Palette): Record<string, string | number> {
  return { stroke: palette.background, "stroke-width": 4, "paint-order": "stroke" };
}

function clamped(x: number, { width }: ChartView): number {
  return Math.min(width + 4, Math.max(-4, x));
}
