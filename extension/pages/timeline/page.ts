/**
 * Runs inside the timeline's web view: draws the lanes, at most ten times a second while something
 * runs, and reports the visible lanes to the extension.
 */
import type { LanesMessage, PageMessage, PageState } from "../../timeline/messages.ts";
import { addControls } from "./controls.ts";
import { buildLayout } from "./layout.ts";
import { Picture } from "./picture.ts";
import { onThemeChange, themePalette } from "./theme.ts";

declare function acquireVsCodeApi(): {
  postMessage(message: PageMessage): void;
  getState(): PageState | undefined;
  setState(state: PageState): void;
};

const leastTickMs = 100;
const mostTickMs = 1_000;
const settleMs = 150;

const editor = acquireVsCodeApi();
const rootId = document.body.dataset["session"] ?? "";
const layout = buildLayout();
const picture = new Picture(layout);
const before = editor.getState();
if (before?.rootId === rootId) {
  picture.idleTime = before.idleTime;
  picture.range = before.range;
  picture.selected = before.selected;
}
/** Applied when there are lanes to scroll. */
let scrollTo = before?.scrollTop;
let frame: number | undefined;
let tick: number | undefined;
let settling: number | undefined;
let reported = "";
let hasChanged = false;

/** Other lanes are visible or selected, or another range. */
function changed(): void {
  hasChanged = true;
  clearTimeout(settling);
  settling = setTimeout(reportVisible, settleMs);
  drawSoon();
}

function drawSoon(): void {
  frame ??= requestAnimationFrame(() => {
    frame = undefined;
    draw();
  });
}

function draw(): void {
  clearTimeout(tick);
  const view = picture.draw();
  if (scrollTo !== undefined && picture.lanes.length > 0) {
    layout.scroll.scrollTop = scrollTo;
    scrollTo = undefined;
  }
  if (hasChanged) keepState();
  // Draws again when the time has moved by a pixel.
  const pixelMs = (view.to - view.from) / view.width;
  const isMoving = view.isLive && picture.isConnected;
  if (isMoving) tick = setTimeout(drawSoon, Math.min(Math.max(pixelMs, leastTickMs), mostTickMs));
}

function keepState(): void {
  hasChanged = false;
  editor.setState({
    rootId,
    idleTime: picture.idleTime,
    ...(picture.range !== undefined && { range: picture.range }),
    ...(picture.selected !== undefined && { selected: picture.selected }),
    scrollTop: scrollTo ?? layout.scroll.scrollTop,
  });
}

/** Called when scrolling has stopped, because the lanes in between need no history. */
function reportVisible(): void {
  const sessionIds = picture.visibleIds();
  if (sessionIds.join() === reported) return;
  reported = sessionIds.join();
  editor.postMessage({ type: "visible", sessionIds });
}

addControls({
  layout,
  picture,
  onChange: changed,
  onIdleTime: (idleTime) => editor.postMessage({ type: "idleTime", idleTime }),
  openTranscript: (sessionId) => editor.postMessage({ type: "open", sessionId }),
  exportTree: () => editor.postMessage({ type: "export" }),
});
layout.scroll.addEventListener("scroll", changed);
new ResizeObserver(changed).observe(layout.scroll);
onThemeChange(() => {
  picture.palette = themePalette();
  drawSoon();
});
window.addEventListener("message", ({ data }: MessageEvent<LanesMessage>) => {
  if (data.type !== "lanes") return;
  picture.take(data);
  if (data.order === undefined) drawSoon();
  else changed();
});
editor.postMessage({ type: "ready" });
editor.postMessage({ type: "idleTime", idleTime: picture.idleTime });
