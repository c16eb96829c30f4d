/** Zooms, moves and selects in the picture. */
import { laneHeight, placeOf } from "../../timeline/chart.ts";
import { clockTime, describeItem, type Item } from "../../timeline/words.ts";
import { setText } from "../elements/dom.ts";
import type { Layout } from "./layout.ts";
import type { Picture } from "./picture.ts";
import { itemsOf, timeOf } from "./pointing.ts";
import { moved, showing, zoomed } from "./range.ts";
import { hideTooltip, showTooltip } from "./tooltip.ts";

export class Navigation {
  readonly #layout: Layout;
  readonly #picture: Picture;
  readonly #onChange: () => void;
  /** The item of the selected lane that the keys have selected. */
  #item: Item | undefined;

  /** `onChange` is called when the picture must be drawn again and its state kept. */
  constructor(layout: Layout, picture: Picture, onChange: () => void) {
    this.#layout = layout;
    this.#picture = picture;
    this.#onChange = onChange;
  }

  /** A time of the day, as exact as the picture. */
  readonly clock = (at: number): string => {
    const { from, to } = this.#picture.view();
    const { extent } = this.#picture;
    return clockTime(at, { visibleMs: to - from, wholeMs: extent.to - extent.from });
  };

  /** Keeps the place of `middle`, else that of the selected item, else of the centre. */
  zoom(factor: number, middle?: number): void {
    const { from, to, scale } = this.#picture.view();
    const centre = (from + to) / 2;
    const item = this.#item === undefined ? centre : scale.shown(timeOf(this.#item));
    const place = middle ?? item;
    const visible = place >= from && place <= to ? place : centre;
    this.#picture.range = zoomed({ from, to }, factor, visible, scale.length);
    this.#changed();
  }

  move(pixels: number): void {
    const { from, to, width, scale } = this.#picture.view();
    if (this.#picture.range === undefined) return;
    this.#picture.range = moved({ from, to }, (pixels / width) * (to - from), scale.length);
    this.#changed();
  }

  fit(): void {
    this.#picture.range = undefined;
    this.#onChange();
  }

  toggleIdle(): void {
    this.#picture.idleTime = this.#picture.idleTime === "shown" ? "skipped" : "shown";
    this.fit();
  }

  get selectedPlace(): number {
    const { lanes, selected } = this.#picture;
    return lanes.findIndex(({ sessionId }) => sessionId === selected);
  }

  /** Selects the nearest lane to a place, and scrolls to it. */
  select(place: number): void {
    const { lanes } = this.#picture;
    const lane = lanes[Math.min(Math.max(place, 0), lanes.length - 1)];
    if (lane === undefined) return;
    this.#picture.selected = lane.sessionId;
    this.#item = undefined;
    const { scroll } = this.#layout;
    const top = lanes.indexOf(lane) * laneHeight;
    const below = top + laneHeight - scroll.clientHeight;
    if (top < scroll.scrollTop) scroll.scrollTop = top;
    else if (below > scroll.scrollTop) scroll.scrollTop = below;
    this.#changed();
  }

  /** Selects the next or the previous item of the selected lane, and describes it. */
  step(by: 1 | -1): void {
    const lane = this.#picture.lanes[this.selectedPlace];
    if (lane === undefined) return this.select(0);
    const items = itemsOf(lane);
    const known = items.findIndex((item) => isSame(item, this.#item));
    const item = items[known < 0 ? (by > 0 ? 0 : items.length - 1) : known + by];
    if (item === undefined) return;
    this.#item = item;
    const { from, to, scale } = this.#picture.view();
    if (this.#picture.range !== undefined) {
      const shown = scale.shown(timeOf(item));
      this.#picture.range = showing({ from, to }, shown, scale.length);
    }
    this.#onChange();
    const view = this.#picture.draw();
    const { lanes, canvas, tooltip, spoken } = this.#layout;
    const x = lanes.getBoundingClientRect().left + Math.max(0, placeOf(timeOf(item), view));
    const y = canvas.getBoundingClientRect().top + (this.selectedPlace + 0.5) * laneHeight;
    const description = describeItem(lane, item, view.now, this.clock);
    showTooltip(tooltip, description, { x, y }, this.#picture.palette);
    setText(spoken, [description.title, ...description.lines].join(", "));
  }

  #changed(): void {
    hideTooltip(this.#layout.tooltip);
    this.#onChange();
  }
}

function isSame(item: Item, other: Item | undefined): boolean {
  return other?.type === item.type && timeOf(other) === timeOf(item);
}
