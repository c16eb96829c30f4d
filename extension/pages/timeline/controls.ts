/** What keys, wheel and pointer do to the picture. */
import { laneHeight, placeOf } from "../../timeline/chart.ts";
import type { Lane } from "../../timeline/lanes.ts";
import type { IdleTime } from "../../timeline/messages.ts";
import { itemAt, itemsOf, timeOf } from "./pointing.ts";
import { moved, showing, zoomed } from "./range.ts";
import { clockTime, describeItem, describeLane, type Item } from "../../timeline/words.ts";
import { setText } from "../elements/dom.ts";
import type { Layout } from "./layout.ts";
import type { Picture } from "./picture.ts";
import { hideTooltip, showTooltip } from "./tooltip.ts";

interface Options {
  layout: Layout;
  picture: Picture;
  /** Called when the picture must be drawn again and its state kept. */
  onChange: () => void;
  onIdleTime: (idleTime: IdleTime) => void;
  openTranscript: (sessionId: string) => void;
  exportTree: () => void;
}

const zoomStep = 1.6;
const dragBegins = 3;

export function addControls(options: Options): void {
  const { layout, picture, onChange, openTranscript, exportTree } = options;
  /** The item of the selected lane that the keys have selected. */
  let current: Item | undefined;

  const clock = (at: number) => {
    const { from, to } = picture.view();
    const { extent } = picture;
    return clockTime(at, { visibleMs: to - from, wholeMs: extent.to - extent.from });
  };

  function change(): void {
    hideTooltip(layout.tooltip);
    onChange();
  }

  function zoom(factor: number, middle?: number): void {
    const { from, to, scale } = picture.view();
    const here = middle ?? (current === undefined ? (from + to) / 2 : scale.shown(timeOf(current)));
    const centre = here >= from && here <= to ? here : (from + to) / 2;
    picture.range = zoomed({ from, to }, factor, centre, scale.length);
    change();
  }

  function move(pixels: number): void {
    const { from, to, width, scale } = picture.view();
    if (picture.range === undefined) return;
    picture.range = moved({ from, to }, (pixels / width) * (to - from), scale.length);
    change();
  }

  function fit(): void {
    picture.range = undefined;
    onChange();
  }

  function toggleIdle(): void {
    picture.idleTime = picture.idleTime === "shown" ? "skipped" : "shown";
    picture.range = undefined;
    options.onIdleTime(picture.idleTime);
    onChange();
  }

  function placeOfSelected(): number {
    return picture.lanes.findIndex(({ sessionId }) => sessionId === picture.selected);
  }

  function select(place: number): void {
    const lane = picture.lanes[Math.min(Math.max(place, 0), picture.lanes.length - 1)];
    if (lane === undefined) return;
    picture.selected = lane.sessionId;
    current = undefined;
    const top = picture.lanes.indexOf(lane) * laneHeight;
    const { scrollTop, clientHeight } = layout.scroll;
    if (top < scrollTop) layout.scroll.scrollTop = top;
    const below = top + laneHeight - clientHeight;
    if (below > scrollTop) layout.scroll.scrollTop = below;
    change();
  }

  /** Selects the next or the previous item of the selected lane, and describes it. */
  function step(by: 1 | -1): void {
    const lane = picture.lanes[placeOfSelected()];
    if (lane === undefined) return select(0);
    const items = itemsOf(lane);
    const known = items.findIndex((item) => isSame(item, current));
    const next = items[known < 0 ? (by > 0 ? 0 : items.length - 1) : known + by];
    if (next === undefined) return;
    current = next;
    const { from, to, scale } = picture.view();
    const place = scale.shown(timeOf(next));
    if (picture.range !== undefined) picture.range = showing({ from, to }, place, scale.length);
    onChange();
    const view = picture.draw();
    const description = describeItem(lane, next, view.now, clock);
    const box = layout.lanes.getBoundingClientRect();
    const lanesTop = layout.canvas.getBoundingClientRect().top;
    const x = box.left + Math.max(0, placeOf(timeOf(next), view));
    const y = lanesTop + placeOfSelected() * laneHeight + laneHeight / 2;
    showTooltip(layout.tooltip, description, { x, y }, picture.palette);
    setText(layout.spoken, [description.title, ...description.lines].join(", "));
  }

  const visibleRows = () => Math.max(1, Math.floor(layout.scroll.clientHeight / laneHeight) - 1);
  const keys: Record<string, () => void> = {
    ArrowDown: () => select(placeOfSelected() + 1),
    ArrowUp: () => select(Math.max(0, placeOfSelected() - 1)),
    PageDown: () => select(placeOfSelected() + visibleRows()),
    PageUp: () => select(Math.max(0, placeOfSelected() - visibleRows())),
    Home: () => select(0),
    End: () => select(picture.lanes.length - 1),
    ArrowRight: () => step(1),
    ArrowLeft: () => step(-1),
    "Shift+ArrowRight": () => move(120),
    "Shift+ArrowLeft": () => move(-120),
    Enter: () => picture.selected !== undefined && openTranscript(picture.selected),
    Escape: () => hideTooltip(layout.tooltip),
    "+": () => zoom(zoomStep),
    "=": () => zoom(zoomStep),
    "-": () => zoom(1 / zoomStep),
    "0": fit,
    i: () => !layout.idle.hidden && toggleIdle(),
    e: exportTree,
  };
  layout.scroll.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const isShifted = event.shiftKey && event.key.startsWith("Arrow");
    const action = keys[isShifted ? `Shift+${event.key}` : event.key];
    if (action === undefined) return;
    event.preventDefault();
    action();
  });
  layout.scroll.addEventListener("focus", () => {
    // A click selects a lane itself.
    const byKeys = layout.scroll.matches(":focus-visible");
    if (picture.selected === undefined && byKeys) select(0);
  });
  layout.zoomIn.addEventListener("click", () => zoom(zoomStep));
  layout.zoomOut.addEventListener("click", () => zoom(1 / zoomStep));
  layout.fit.addEventListener("click", fit);
  layout.idle.addEventListener("click", toggleIdle);
  layout.exportButton.addEventListener("click", exportTree);

  layout.main.addEventListener(
    "wheel",
    (event) => {
      if (event.ctrlKey || event.metaKey) {
        event.preventDefault();
        zoom(Math.exp(-event.deltaY / 300), shownAt(event.clientX));
      } else if (event.shiftKey || Math.abs(event.deltaX) > Math.abs(event.deltaY)) {
        event.preventDefault();
        move(event.deltaX === 0 ? event.deltaY : event.deltaX);
      }
    },
    { passive: false },
  );

  /** The time at a place of the window, in shown milliseconds. */
  function shownAt(clientX: number): number {
    const { left } = layout.lanes.getBoundingClientRect();
    const { from, to, width } = picture.view();
    return from + (Math.min(Math.max(clientX - left, 0), width) / width) * (to - from);
  }

  function laneAt(clientY: number): Lane | undefined {
    const { top } = layout.canvas.getBoundingClientRect();
    return picture.lanes[Math.floor((clientY - top) / laneHeight)];
  }

  let drag: { x: number; hasMoved: boolean } | undefined;
  layout.scroll.addEventListener("pointerdown", (event) => {
    const { left } = layout.scroll.getBoundingClientRect();
    const isOnScrollBar = event.clientX > left + layout.scroll.clientWidth;
    if (event.button !== 0 || isOnScrollBar) return;
    drag = { x: event.clientX, hasMoved: false };
  });
  layout.scroll.addEventListener("pointermove", (event) => {
    if (drag !== undefined && Math.abs(event.clientX - drag.x) > dragBegins) {
      if (!drag.hasMoved) layout.scroll.setPointerCapture(event.pointerId);
      drag.hasMoved = true;
      layout.scroll.classList.add("dragging");
    }
    if (drag?.hasMoved === true) {
      move(drag.x - event.clientX);
      drag.x = event.clientX;
    } else point(event);
  });
  const drop = () => {
    drag = undefined;
    layout.scroll.classList.remove("dragging");
  };
  layout.scroll.addEventListener("pointerup", (event) => {
    const lane = laneAt(event.clientY);
    if (drag?.hasMoved === false && lane !== undefined) select(picture.lanes.indexOf(lane));
    drop();
  });
  layout.scroll.addEventListener("pointercancel", drop);
  layout.scroll.addEventListener("dblclick", (event) => {
    const lane = laneAt(event.clientY);
    if (lane !== undefined) openTranscript(lane.sessionId);
  });
  layout.scroll.addEventListener("pointerleave", () => {
    hideTooltip(layout.tooltip);
    layout.cursor.hidden = layout.cursorTime.hidden = true;
  });
  layout.scroll.addEventListener("scroll", () => hideTooltip(layout.tooltip));

  /** Shows the time at the pointer, and describes what is there. */
  function point({ clientX, clientY }: PointerEvent): void {
    const view = picture.view();
    const box = layout.lanes.getBoundingClientRect();
    const x = clientX - box.left;
    const lane = laneAt(clientY);
    const isInChart = x >= 0 && x <= view.width;
    layout.cursor.hidden = layout.cursorTime.hidden = !isInChart || lane === undefined;
    if (lane === undefined) return hideTooltip(layout.tooltip);
    const place = { x: clientX, y: clientY };
    if (!isInChart) {
      return showTooltip(layout.tooltip, describeLane(lane, view.now), place, picture.palette);
    }
    layout.cursor.style.left = layout.cursorTime.style.left = `${clientX}px`;
    setText(layout.cursorTime, clock(view.scale.time(shownAt(clientX))));
    const laneTop = layout.canvas.getBoundingClientRect().top;
    const item = itemAt(lane, x, (clientY - laneTop) % laneHeight, view);
    if (item === undefined) return hideTooltip(layout.tooltip);
    showTooltip(layout.tooltip, describeItem(lane, item, view.now, clock), place, picture.palette);
  }
}

function isSame(item: Item, other: Item | undefined): boolean {
  return other?.type === item.type && timeOf(other) === timeOf(item);
}
