/** The lanes that the page knows, and how the visible ones are drawn. */
import { exactDuration } from "../../base/numbers.ts";
import { joined } from "../../base/text.ts";
import { axisHeight, axisOf, laneHeight, lanesOf, type ChartView } from "../../timeline/chart.ts";
import { countsText, kindsOf, legendWords, swatchOf } from "../../timeline/document.ts";
import type { Palette } from "../../timeline/drawing.ts";
import type { Lane } from "../../timeline/lanes.ts";
import { changedLane, type IdleTime, type LanesMessage } from "../../timeline/messages.ts";
import {
  extentOf,
  gapsOf,
  parallelOf,
  timeScale,
  type Extent,
  type Gap,
} from "../../timeline/scale.ts";
import { patterns } from "../../timeline/signs.ts";
import { dayTime, spentText } from "../../timeline/words.ts";
import { element, setAttribute, setText, svgElement } from "../elements/dom.ts";
import type { Layout } from "./layout.ts";
import { patch } from "./patch.ts";
import { following, isWhole, wholeRange, type Range } from "./range.ts";
import { drawRows, rowId } from "./rows.ts";
import { themePalette } from "./theme.ts";

/** Lanes that are drawn above and below the visible ones, so that scrolling shows no gaps. */
const spareLanes = 4;

export class Picture {
  idleTime: IdleTime = "shown";
  /** Undefined for the whole, also when it grows. */
  range: Range | undefined;
  selected: string | undefined;
  palette = themePalette();
  readonly #layout: Layout;
  readonly #known = new Map<string, Lane>();
  #lanes: Lane[] = [];
  #order: string[] = [];
  #message: Pick<LanesMessage, "title" | "total"> | undefined;
  /** Milliseconds by which the extension's clock is ahead of the page's. */
  #ahead = 0;
  /** When the connection was lost: the time stands still, because no changes arrive. */
  #frozenAt: number | undefined;
  #gaps: Gap[] = [];
  #lengthBefore = 0;
  #lastView: ChartView | undefined;
  #legend = "";

  constructor(layout: Layout) {
    this.#layout = layout;
  }

  get lanes(): readonly Lane[] {
    return this.#lanes;
  }

  get extent(): Extent {
    return extentOf(this.#lanes, this.#now());
  }

  get isConnected(): boolean {
    return this.#frozenAt === undefined;
  }

  take(message: LanesMessage): void {
    this.#message = message;
    this.#ahead = message.now - Date.now();
    this.#frozenAt = message.isConnected ? undefined : (this.#frozenAt ?? message.now);
    for (const change of message.changed) {
      const { sessionId } = change;
      this.#known.set(sessionId, changedLane(this.#known.get(sessionId), change));
    }
    this.#order = message.order ?? this.#order;
    this.#lanes = this.#order.flatMap((id) => this.#known.get(id) ?? []);
    this.#gaps = gapsOf(this.#lanes, this.extent, this.#now());
  }

  draw(): ChartView {
    const { extent, palette } = this;
    const scale = timeScale(extent, this.idleTime === "skipped" ? this.#gaps : []);
    // A restored range waits for its lanes.
    if (this.#lanes.length > 0) {
      if (this.range !== undefined) {
        const range = following(this.range, this.#lengthBefore, scale.length);
        this.range = isWhole(range, scale.length) ? undefined : range;
      }
      this.#lengthBefore = scale.length;
    }
    const { from, to } = this.range ?? wholeRange(scale.length);
    const width = Math.max(50, this.#layout.axis.clientWidth);
    const { isLive } = extent;
    const view: ChartView = { width, from, to, scale, now: this.#now(), isLive, palette };
    this.#lastView = view;
    this.#drawChart(view);
    this.#drawWords(view);
    return view;
  }

  view(): ChartView {
    return this.#lastView ?? this.draw();
  }

  visibleIds(): string[] {
    return this.#visible().lanes.map(({ sessionId }) => sessionId);
  }

  #now(): number {
    return this.#frozenAt ?? Date.now() + this.#ahead;
  }

  #visible(): { first: number; lanes: Lane[] } {
    const { scrollTop, clientHeight } = this.#layout.scroll;
    const first = Math.max(0, Math.floor(scrollTop / laneHeight) - spareLanes);
    const count = Math.ceil(clientHeight / laneHeight) + 2 * spareLanes;
    return { first, lanes: this.#lanes.slice(first, first + count) };
  }

  #drawChart(view: ChartView): void {
    const layout = this.#layout;
    const all = this.#lanes;
    const { first, lanes } = this.#visible();
    layout.canvas.style.height = `${all.length * laneHeight}px`;
    layout.lanes.style.top = `${first * laneHeight}px`;
    setAttribute(layout.lanes, "height", lanes.length * laneHeight);
    setAttribute(layout.axis, "height", axisHeight);
    patch(layout.axis, all.length === 0 ? [] : [axisOf(parallelOf(all, view.now), view)]);
    patch(layout.lanes, [patterns(view.palette), lanesOf(lanes, view)]);
    const hasUse = all.some(({ own }) => own.tokens > 0 || own.costUsd > 0);
    document.body.classList.toggle("without-use", !hasUse);
    drawRows(layout.rows, {
      lanes,
      first,
      of: all.length,
      selected: this.selected,
      mostCost: all.reduce((most, { own }) => Math.max(most, own.costUsd), 0),
      now: view.now,
      palette: view.palette,
    });
    const place = all.findIndex(({ sessionId }) => sessionId === this.selected);
    if (place >= first && place < first + lanes.length) {
      setAttribute(layout.scroll, "aria-activedescendant", rowId(place));
    } else layout.scroll.removeAttribute("aria-activedescendant");
  }

  #drawWords({ now, palette, scale }: ChartView): void {
    const layout = this.#layout;
    setText(layout.title, this.#message?.title ?? "");
    setText(layout.facts, this.#facts(now));
    layout.empty.hidden = this.#lanes.length > 0;
    if (this.#message !== undefined) {
      const none = "No sub-agents yet: what runs shows up here.";
      setText(layout.empty, this.isConnected ? none : "Not connected to the daemon.");
    }
    const idleMs = this.#gaps.reduce((sum, { from, to }) => sum + to - from, 0);
    layout.idle.hidden = this.#gaps.length === 0;
    setText(layout.idle, `Skip idle time (${exactDuration(idleMs)})`);
    setAttribute(layout.idle, "aria-pressed", String(this.idleTime === "skipped"));
    layout.zoomOut.disabled = layout.fit.disabled = this.range === undefined;
    layout.zoomIn.disabled = scale.length === 0;
    setText(layout.status, this.#status());
    this.#drawLegend(palette);
  }

  #facts(now: number): string {
    const lanes = this.#lanes;
    const { from, to } = this.extent;
    const most = Math.max(0, ...parallelOf(lanes, now).map(({ count }) => count));
    const facts = [
      ...(lanes.length === 0 ? [] : [dayTime(from), exactDuration(to - from)]),
      countsText(lanes.length, most),
      this.#message === undefined ? "" : spentText(this.#message.total),
    ];
    return joined(facts, " · ");
  }

  #status(): string {
    if (this.#frozenAt !== undefined) {
      return `Not connected: as of ${new Date(this.#frozenAt).toLocaleTimeString()}.`;
    }
    const unread = this.#visible().lanes.filter(({ read }) => read !== "all").length;
    return unread === 0 ? "" : `Reading the history of ${unread} …`;
  }

  #drawLegend(palette: Palette): void {
    const kinds = kindsOf(this.#lanes);
    const drawn = JSON.stringify([kinds, palette]);
    if (drawn === this.#legend) return;
    this.#legend = drawn;
    const entries = kinds.map((kind) => {
      const swatch = svgElement("svg", { width: "24", height: "18", "aria-hidden": "true" });
      patch(swatch, [swatchOf(kind, palette)]);
      return element("span", {}, swatch, legendWords[kind]);
    });
    this.#layout.legend.replaceChildren(...entries);
  }
}
