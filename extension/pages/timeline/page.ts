/**
 * Runs inside the timeline's web view: draws what the extension tells, at most ten times a second
 * while time goes on, and tells the extension what is in sight.
 */
import type { LanesMessage, PageMessage, PageState } from "../../timeline/messages.ts";
import { addControls } from "./controls.ts";
import { buildLayout } from "./layout.ts";
import { createPicture } from "./picture.ts";
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
const rootId = document.body.dataset["root"] ?? "";
const layout = buildLayout();
const picture = createPicture(layout);
const before = editor.getState();
if (before?.rootId === rootId) {
  picture.idleTime = before.idleTime;
  picture.range = before.range;
  picture.selected = before.selected;
}
/** Until the lanes are there, there is nothing to scroll. */
let scrollTo = before?.scrollTop;
let frame: number | undefined;
let tick: number | undefined;
let settling: number | undefined;
let toldSight = "";
let hasChanged = false;

/** Something else is in sight, or chosen. */
function changed(): void {
  hasChanged = true;
  clearTimeout(settling);
  settling = setTimeout(tellSight, settleMs);
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
  // Time goes on: as soon as it is to be seen.
  const pixelMs = (view.to - view.from) / view.width;
  const isMoving = view.isLive && picture.isConnected();
  if (isMoving) tick = setTimeout(drawSoon, Math.min(Math.max(pixelMs, leastTickMs), mostTickMs));
}

/** For the next time that the page is loaded. */
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

/** Nobody wants the history of what only flew past. */
function tellSight(): void {
  const sessionIds = picture.sight();
  if (sessionIds.join() === toldSight) return;
  toldSight = sessionIds.join();
  editor.postMessage({ type: "sight", sessionIds });
}

addControls({
  layout,
  picture,
  changed,
  idleTimeChanged: (idleTime) => editor.postMessage({ type: "idleTime", idleTime }),
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
