/** What keys, buttons, wheel and pointer do to the picture. */
import { laneHeight } from "../../timeline/chart.ts";
import type { Lane } from "../../timeline/lanes.ts";
import type { IdleTime } from "../../timeline/messages.ts";
import { describeItem, describeLane } from "../../timeline/words.ts";
import { setText } from "../elements/dom.ts";
import type { Layout } from "./layout.ts";
import { Navigation } from "./navigation.ts";
import type { Picture } from "./picture.ts";
import { itemAt } from "./pointing.ts";
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
/** Pixels from which a moved pointer drags. */
const leastDrag = 3;

export function addControls(options: Options): void {
  const { layout, picture, onChange, exportTree } = options;
  const navigation = new Navigation(layout, picture, onChange);
  const toggleIdle = () => {
    navigation.toggleIdle();
    options.onIdleTime(picture.idleTime);
  };
  layout.zoomIn.addEventListener("click", () => navigation.zoom(zoomStep));
  layout.zoomOut.addEventListener("click", () => navigation.zoom(1 / zoomStep));
  layout.fit.addEventListener("click", () => navigation.fit());
  layout.idle.addEventListener("click", toggleIdle);
  layout.exportButton.addEventListener("click", exportTree);
  addKeys(options, navigation, toggleIdle);
  addWheel(options, navigation);
  addPointer(options, navigation);
}

function addKeys(options: Options, navigation: Navigation, toggleIdle: () => void): void {
  const { layout, picture, openTranscript, exportTree } = options;
  const visibleRows = () => Math.max(1, Math.floor(layout.scroll.clientHeight / laneHeight) - 1);
  const keys: Record<string, () => void> = {
    ArrowDown: () => navigation.select(navigation.selectedPlace + 1),
    ArrowUp: () => navigation.select(navigation.selectedPlace - 1),
    PageDown: () => navigation.select(navigation.selectedPlace + visibleRows()),
    PageUp: () => navigation.select(navigation.selectedPlace - visibleRows()),
    Home: () => navigation.select(0),
    End: () => navigation.select(picture.lanes.length - 1),
    ArrowRight: () => navigation.step(1),
    ArrowLeft: () => navigation.step(-1),
    "Shift+ArrowRight": () => navigation.move(120),
    "Shift+ArrowLeft": () => navigation.move(-120),
    Enter: () => picture.selected !== undefined && openTranscript(picture.selected),
    Escape: () => hideTooltip(layout.tooltip),
    "+": () => navigation.zoom(zoomStep),
    "=": () => navigation.zoom(zoomStep),
    "-": () => navigation.zoom(1 / zoomStep),
    "0": () => navigation.fit(),
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
    if (picture.selected === undefined && byKeys) navigation.select(0);
  });
}

function addWheel({ layout, picture }: Options, navigation: Navigation): void {
  const turned = (event: WheelEvent) => {
    const { ctrlKey, metaKey, shiftKey, deltaX, deltaY, clientX } = event;
    const isZoom = ctrlKey || metaKey;
    if (!isZoom && !shiftKey && Math.abs(deltaX) <= Math.abs(deltaY)) return;
    event.preventDefault();
    if (isZoom) navigation.zoom(Math.exp(-deltaY / 300), shownAt(clientX, layout, picture));
    else navigation.move(deltaX === 0 ? deltaY : deltaX);
  };
  layout.main.addEventListener("wheel", turned, { passive: false });
}

function addPointer({ layout, picture, openTranscript }: Options, navigation: Navigation): void {
  const { scroll } = layout;
  let drag: { x: number; hasMoved: boolean } | undefined;
  const laneAt = (clientY: number): Lane | undefined => {
    const { top } = layout.canvas.getBoundingClientRect();
    return picture.lanes[Math.floor((clientY - top) / laneHeight)];
  };
  const drop = () => {
    drag = undefined;
    scroll.classList.remove("dragging");
  };
  scroll.addEventListener("pointerdown", ({ clientX, button }) => {
    const { left } = scroll.getBoundingClientRect();
    const isOnScrollBar = clientX > left + scroll.clientWidth;
    if (button === 0 && !isOnScrollBar) drag = { x: clientX, hasMoved: false };
  });
  scroll.addEventListener("pointermove", (event) => {
    if (drag !== undefined && Math.abs(event.clientX - drag.x) > leastDrag) {
      if (!drag.hasMoved) scroll.setPointerCapture(event.pointerId);
      drag.hasMoved = true;
      scroll.classList.add("dragging");
    }
    if (drag?.hasMoved === true) {
      navigation.move(drag.x - event.clientX);
      drag.x = event.clientX;
    } else pointAt(event, laneAt(event.clientY), layout, picture, navigation);
  });
  scroll.addEventListener("pointerup", ({ clientY }) => {
    const lane = laneAt(clientY);
    const isClick = drag?.hasMoved === false;
    if (isClick && lane !== undefined) navigation.select(picture.lanes.indexOf(lane));
    drop();
  });
  scroll.addEventListener("pointercancel", drop);
  scroll.addEventListener("dblclick", ({ clientY }) => {
    const lane = laneAt(clientY);
    if (lane !== undefined) openTranscript(lane.sessionId);
  });
  scroll.addEventListener("pointerleave", () => {
    hideTooltip(layout.tooltip);
    layout.cursor.hidden = layout.cursorTime.hidden = true;
  });
  scroll.addEventListener("scroll", () => hideTooltip(layout.tooltip));
}

/** Shows the time at the pointer, and describes what is there. */
function pointAt(
  { clientX, clientY }: PointerEvent,
  lane: Lane | undefined,
  layout: Layout,
  picture: Picture,
  { clock }: Navigation,
): void {
  const { cursor, cursorTime, tooltip } = layout;
  const view = picture.view();
  const x = clientX - layout.lanes.getBoundingClientRect().left;
  const isInChart = x >= 0 && x <= view.width;
  cursor.hidden = cursorTime.hidden = !isInChart || lane === undefined;
  if (lane === undefined) return hideTooltip(tooltip);
  const place = { x: clientX, y: clientY };
  if (!isInChart) return showTooltip(tooltip, describeLane(lane, view.now), place, picture.palette);
  cursor.style.left = cursorTime.style.left = `${clientX}px`;
  setText(cursorTime, clock(view.scale.time(shownAt(clientX, layout, picture))));
  const y = (clientY - layout.canvas.getBoundingClientRect().top) % laneHeight;
  const item = itemAt(lane, x, y, view);
  if (item === undefined) return hideTooltip(tooltip);
  showTooltip(tooltip, describeItem(lane, item, view.now, clock), place, picture.palette);
}

/** The time at a place of the window, in shown milliseconds. */
function shownAt(clientX: number, layout: Layout, picture: Picture): number {
  const { left } = layout.lanes.getBoundingClientRect();
  const { from, to, width } = picture.view();
  return from + (Math.min(Math.max(clientX - left, 0), width) / width) * (to - from);
}
