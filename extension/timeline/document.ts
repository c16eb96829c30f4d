/** The timeline as one SVG document: totals, names, axis, lanes and legend. Pure. */
import { exactDuration } from "../base/numbers.ts";
import { joined, plural } from "../base/text.ts";
import { axisHeight, axisOf, laneHeight, lanesOf, type ChartView } from "./chart.ts";
import { element, group, groupAt, px, type Palette, type SvgElement } from "./drawing.ts";
import type { Lane, Timeline } from "./lanes.ts";
import { extentOf, gapsOf, parallelOf, timeScale } from "./scale.ts";
import { isThin, patterns, signAt, spanStyle } from "./signs.ts";
import {
  clockTime,
  dayTime,
  describeItem,
  laneLabel,
  money,
  spanWords,
  spentText,
  tokensOf,
} from "./words.ts";

export interface DocumentView {
  width: number;
  now: number;
  idleTime: "shown" | "skipped";
  palette: Palette;
}

const margin = 20;
const columns = { name: 250, word: 130, tokens: 60, cost: 60 };
const labelWidth = columns.name + columns.word + columns.tokens + columns.cost;
const headHeight = 64;
const legendHeight = 44;

export function svgOf(timeline: Timeline, view: DocumentView): SvgElement {
  const { lanes } = timeline;
  const { width, now, palette } = view;
  const extent = extentOf(lanes, now);
  const gaps = view.idleTime === "skipped" ? gapsOf(lanes, extent, now) : [];
  const scale = timeScale(extent, gaps);
  const wholeMs = extent.to - extent.from;
  const clock = (at: number) => clockTime(at, { visibleMs: wholeMs, wholeMs });
  const chart: ChartView = {
    width: width - labelWidth - 2 * margin,
    from: 0,
    // Leaves room for the sign at the last end.
    to: scale.length * 1.03,
    scale,
    now,
    isLive: extent.isLive,
    palette,
    describe: (lane, item) => {
      const { title, lines } = describeItem(lane, item, now, clock);
      return [title, ...lines].join("\n");
    },
  };
  const height = headHeight + axisHeight + lanes.length * laneHeight + legendHeight + margin;
  const steps = parallelOf(lanes, now);
  const most = Math.max(0, ...steps.map(({ count }) => count));
  const left = margin + labelWidth;
  const lanesTop = headHeight + axisHeight;
  const labels = lanes.map((lane, place) => labelOf(lane, place, now, palette));
  return element(
    "svg",
    {
      xmlns: "http://www.w3.org/2000/svg",
      viewBox: `0 0 ${width} ${height}`,
      width,
      height,
      role: "img",
      "font-family": palette.font,
      "font-size": 12,
    },
    element("title", {}, `Timeline of ${timeline.title}`),
    patterns(palette),
    element("rect", { width, height, fill: palette.background }),
    headOf(timeline, `${dayTime(extent.from)} · ${exactDuration(wholeMs)}`, most, palette),
    groupAt(margin, headHeight, ...columnHeads(palette)),
    groupAt(left, headHeight, axisOf(steps, chart)),
    groupAt(margin, lanesTop, ...labels),
    groupAt(left, lanesTop, lanesOf(lanes, chart)),
    groupAt(margin, height - legendHeight, ...legendOf(lanes, palette)),
  );
}

function headOf(
  { title, lanes, total }: Timeline,
  time: string,
  most: number,
  palette: Palette,
): SvgElement {
  const bold = { x: margin, y: 28, "font-size": 17, "font-weight": 600, fill: palette.foreground };
  const facts = joined([time, countsText(lanes.length, most), spentText(total)], " · ");
  return group(
    element("text", bold, fitted(title, 900, 9)),
    element("text", { x: margin, y: 48, fill: palette.quiet }, facts),
  );
}

/** `3 sessions · at most 2 at once`. */
export function countsText(sessions: number, most: number): string {
  return joined([plural(sessions, "session"), most > 0 ? `at most ${most} at once` : ""], " · ");
}

function columnHeads(palette: Palette): SvgElement[] {
  const y = axisHeight - 8;
  const text = { y, fill: palette.quiet, "font-size": 11 };
  const right = { ...text, "text-anchor": "end" };
  return [
    element("text", { ...text, x: 0 }, "Session"),
    element("text", { ...text, x: columns.name }, "State"),
    element("text", { ...right, x: labelWidth - columns.cost - 8 }, "Tokens"),
    element("text", { ...right, x: labelWidth - 12 }, "Cost"),
    element("path", { d: `M0 ${axisHeight - 0.5}H${labelWidth}`, stroke: palette.line }),
  ];
}

function labelOf(lane: Lane, place: number, now: number, palette: Palette): SvgElement {
  const y = laneHeight / 2 + 4;
  const indent = Math.min(lane.depth, 8) * 14;
  const text = { y, fill: palette.foreground };
  const right = { ...text, "text-anchor": "end", fill: palette.quiet };
  const name = fitted(lane.title, columns.name - indent - 26, 6.4);
  const word = fitted(lane.word, columns.word - 4, 6.2);
  const line = `M0 ${laneHeight - 0.5}H${labelWidth}`;
  return groupAt(
    0,
    place * laneHeight,
    element("title", {}, laneLabel(lane, now)),
    signAt(lane.sign, indent + 7, laneHeight / 2, 14, palette),
    element("text", { ...text, x: indent + 20 }, name),
    element("text", { ...text, x: columns.name, fill: palette.quiet }, word),
    element("text", { ...right, x: labelWidth - columns.cost - 8 }, tokensOf(lane.own)),
    element("text", { ...right, x: labelWidth - 12 }, money(lane.own.costUsd)),
    element("path", { d: line, stroke: palette.line, "stroke-opacity": 0.5 }),
  );
}

function legendOf(lanes: readonly Lane[], palette: Palette): SvgElement[] {
  let x = 0;
  return kindsOf(lanes).map((kind) => {
    const word = legendWords[kind];
    const text = { x: 30, y: 13, fill: palette.quiet, "font-size": 11 };
    const entry = groupAt(px(x), 0, swatchOf(kind, palette), element("text", text, word));
    x += 30 + word.length * 6 + 18;
    return entry;
  });
}

export const legendWords = { ...spanWords, tool: "tool call" };
export type LegendKind = keyof typeof legendWords;

export function kindsOf(lanes: readonly Lane[]): LegendKind[] {
  const found = new Set<LegendKind>(lanes.flatMap(({ spans }) => spans.map(({ kind }) => kind)));
  if (lanes.some(({ tools }) => tools.length > 0)) found.add("tool");
  return (Object.keys(legendWords) as LegendKind[]).filter((kind) => found.has(kind));
}

/** A sample of a span, 24 by 18 pixels. */
export function swatchOf(kind: LegendKind, palette: Palette): SvgElement {
  if (kind === "tool") {
    const fill = { fill: palette.foreground, "fill-opacity": 0.55 };
    return element("rect", { x: 0, y: 7, width: 24, height: 4, rx: 1, ...fill });
  }
  const [y, height] = isThin(kind) ? [6.5, 5] : [3.5, 10];
  return element("rect", { x: 0.5, y, width: 23, height, rx: 2, ...spanStyle(kind, palette) });
}

/** The text cut to about a width in pixels, by the average width of a letter. */
function fitted(text: string, width: number, letter: number): string {
  const line = text.replaceAll(/\s+/g, " ").trim();
  const most = Math.max(1, Math.floor(width / letter));
  return line.length <= most ? line : `${line.slice(0, most - 1)}…`;
}
