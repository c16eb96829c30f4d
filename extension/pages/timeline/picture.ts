/** What the page knows and shows: takes the messages, draws what is in sight. */
import { axisHeight, axisOf, laneHeight, lanesOf, type ChartView } from "../../timeline/chart.ts";
import { kindsOf, swatchOf } from "../../timeline/document.ts";
import type { Palette } from "../../timeline/drawing.ts";
import type { Lane } from "../../timeline/lanes.ts";
import { changedLane, type IdleTime, type LanesMessage } from "../../timeline/messages.ts";
import { following, isWhole, wholeRange, type Range } from "./range.ts";
import {
  extentOf,
  gapsOf,
  parallelOf,
  timeScale,
  type Extent,
  type Gap,
} from "../../timeline/scale.ts";
import { patterns } from "../../timeline/signs.ts";
import { dayTime, duration, spanWords, spentText } from "../../timeline/words.ts";
import { make, makeSvg, patch, setAttribute, setText } from "./dom.ts";
import type { Layout } from "./layout.ts";
import { drawRows, rowId } from "./rows.ts";
import { themePalette } from "./theme.ts";

export interface Picture {
  idleTime: IdleTime;
  /** Absent: all of it, also when it grows. */
  range: Range | undefined;
  selected: string | undefined;
  palette: Palette;
  readonly lanes: readonly Lane[];
  readonly extent: Extent;
  take(message: LanesMessage): void;
  /** Draws with the time that it is now on the machine of the core. */
  draw(): ChartView;
  now(): number;
  /** Without a connection nobody knows what goes on: time stands still. */
  isConnected(): boolean;
  /** The view that was drawn last. */
  view(): ChartView;
  /** Ids of the lanes in sight. */
  sight(): string[];
}

/** Lanes that are drawn above and below those in sight, so that scrolling shows no holes. */
const spareLanes = 4;

export function createPicture(layout: Layout): Picture {
  const known = new Map<string, Lane>();
  let lanes: Lane[] = [];
  let order: string[] = [];
  let told: Pick<LanesMessage, "title" | "total" | "isConnected"> | undefined;
  /** Of the core's clock before ours. */
  let ahead = 0;
  let frozenAt: number | undefined;
  let gaps: Gap[] = [];
  let lengthBefore = 0;
  let last: ChartView | undefined;
  let legend = "";

  function sightOf(): { first: number; count: number } {
    const { scrollTop, clientHeight } = layout.scroll;
    const first = Math.max(0, Math.floor(scrollTop / laneHeight) - spareLanes);
    const count = Math.ceil(clientHeight / laneHeight) + 2 * spareLanes;
    return { first, count: Math.min(count, lanes.length - first) };
  }

  const picture: Picture = {
    idleTime: "shown",
    range: undefined,
    selected: undefined,
    palette: themePalette(),
    get lanes() {
      return lanes;
    },
    get extent() {
      return extentOf(lanes, picture.now());
    },
    isConnected: () => frozenAt === undefined,
    now: () => frozenAt ?? Date.now() + ahead,
    sight() {
      const { first, count } = sightOf();
      return lanes.slice(first, first + count).map(({ sessionId }) => sessionId);
    },
    take(message) {
      told = message;
      ahead = message.now - Date.now();
      frozenAt = message.isConnected ? undefined : (frozenAt ?? message.now);
      for (const change of message.changed) {
        known.set(change.sessionId, changedLane(known.get(change.sessionId), change));
      }
      order = message.order ?? order;
      lanes = order.flatMap((id) => known.get(id) ?? []);
      gaps = gapsOf(lanes, picture.extent, picture.now());
    },
    draw() {
      const now = picture.now();
      const { extent, palette } = picture;
      const scale = timeScale(extent, picture.idleTime === "skipped" ? gaps : []);
      // A range that was kept over a reload waits for its lanes.
      if (lanes.length > 0) {
        if (picture.range !== undefined) {
          const range = following(picture.range, lengthBefore, scale.length);
          picture.range = isWhole(range, scale.length) ? undefined : range;
        }
        lengthBefore = scale.length;
      }
      const { from, to } = picture.range ?? wholeRange(scale.length);
      const width = Math.max(50, layout.axis.clientWidth);
      const { isLive } = extent;
      last = { width, from, to, scale, now, isLive, palette };
      drawChart(last);
      drawWords(last);
      return last;
    },
    view: () => last ?? picture.draw(),
  };

  function drawChart(view: ChartView): void {
    const { first, count } = sightOf();
    const shown = lanes.slice(first, first + count);
    layout.canvas.style.height = `${lanes.length * laneHeight}px`;
    layout.lanes.style.top = `${first * laneHeight}px`;
    setAttribute(layout.lanes, "height", count * laneHeight);
    setAttribute(layout.axis, "height", axisHeight);
    patch(layout.axis, lanes.length === 0 ? [] : [axisOf(parallelOf(lanes, view.now), view)]);
    patch(layout.lanes, [patterns(view.palette), lanesOf(shown, view)]);
    const hasUse = lanes.some(({ own }) => own.tokens > 0 || own.costUsd > 0);
    document.body.classList.toggle("without-use", !hasUse);
    drawRows(layout.rows, {
      lanes: shown,
      first,
      of: lanes.length,
      selected: picture.selected,
      mostCost: lanes.reduce((most, { own }) => Math.max(most, own.costUsd), 0),
      now: view.now,
      palette: view.palette,
    });
    const place = lanes.findIndex(({ sessionId }) => sessionId === picture.selected);
    if (place >= first && place < first + count) {
      setAttribute(layout.scroll, "aria-activedescendant", rowId(place));
    } else layout.scroll.removeAttribute("aria-activedescendant");
  }

  function drawWords({ now, palette, scale }: ChartView): void {
    setText(layout.title, told?.title ?? "");
    setText(layout.facts, factsOf(now));
    layout.empty.hidden = lanes.length > 0;
    if (told !== undefined) {
      const none = "No sub-agents yet: what runs shows up here.";
      setText(layout.empty, picture.isConnected() ? none : "Not connected to the daemon.");
    }
    const idleMs = gaps.reduce((sum, { from, to }) => sum + to - from, 0);
    layout.idle.hidden = gaps.length === 0;
    setText(layout.idle, `Skip idle time (${duration(idleMs)})`);
    setAttribute(layout.idle, "aria-pressed", String(picture.idleTime === "skipped"));
    layout.zoomOut.disabled = layout.fit.disabled = picture.range === undefined;
    layout.zoomIn.disabled = scale.length === 0;
    const { first, count } = sightOf();
    const unread = lanes.slice(first, first + count).filter(({ read }) => read !== "all").length;
    setText(layout.status, statusText(unread));
    drawLegend(palette);
  }

  function factsOf(now: number): string {
    const { from, to } = picture.extent;
    const most = Math.max(0, ...parallelOf(lanes, now).map(({ count }) => count));
    const facts = [
      ...(lanes.length === 0 ? [] : [dayTime(from), duration(to - from)]),
      `${lanes.length} ${lanes.length === 1 ? "session" : "sessions"}`,
      most > 0 ? `at most ${most} at once` : "",
      told === undefined ? "" : spentText(told.total),
    ];
    return facts.filter((fact) => fact !== "").join(" · ");
  }

  function statusText(unread: number): string {
    if (frozenAt !== undefined) {
      return `Not connected: as of ${new Date(frozenAt).toLocaleTimeString()}.`;
    }
    return unread === 0 ? "" : `Reading the history of ${unread} …`;
  }

  function drawLegend(palette: Palette): void {
    const kinds = kindsOf(lanes);
    const drawn = JSON.stringify([kinds, palette]);
    if (drawn === legend) return;
    legend = drawn;
    const entries = kinds.map((kind) => {
      const swatch = makeSvg({ width: "24", height: "18", "aria-hidden": "true" });
      patch(swatch, [swatchOf(kind, palette)]);
      return make("span", {}, swatch, kind === "tool" ? "tool call" : spanWords[kind]);
    });
    layout.legend.replaceChildren(...entries);
  }

  return picture;
}
