/** The fixed parts of the page. */
import { make, makeSvg } from "./dom.ts";

export interface Layout {
  title: HTMLElement;
  facts: HTMLElement;
  idle: HTMLButtonElement;
  zoomIn: HTMLButtonElement;
  zoomOut: HTMLButtonElement;
  fit: HTMLButtonElement;
  exportButton: HTMLButtonElement;
  /** Axis and lanes. */
  main: HTMLElement;
  axis: SVGSVGElement;
  /** Scrolls up and down; holds the rows and the lanes. */
  scroll: HTMLElement;
  canvas: HTMLElement;
  rows: HTMLElement;
  lanes: SVGSVGElement;
  cursor: HTMLElement;
  cursorTime: HTMLElement;
  tooltip: HTMLElement;
  legend: HTMLElement;
  status: HTMLElement;
  /** Read aloud when it changes. */
  spoken: HTMLElement;
  empty: HTMLElement;
}

export function buildLayout(): Layout {
  const hidden = { "aria-hidden": "true" };
  const layout: Layout = {
    title: make("h1", {}),
    facts: make("p", { class: "facts" }),
    idle: button("Skip idle time", "Leave out the time in which nothing ran (I)"),
    zoomOut: button("−", "Zoom out (-)", "Zoom out"),
    zoomIn: button("+", "Zoom in (+, or Ctrl and the wheel)", "Zoom in"),
    fit: button("Fit", "Show all of it (0)"),
    exportButton: button("Export", "Save the whole timeline as an SVG picture (E)"),
    main: make("main", {}),
    axis: makeSvg({ class: "axis", ...hidden }),
    scroll: make("div", {
      class: "scroll",
      tabindex: "0",
      role: "tree",
      "aria-label": "Timeline: one lane for each session",
    }),
    canvas: make("div", { class: "canvas", role: "presentation" }),
    rows: make("div", { class: "rows", role: "presentation" }),
    lanes: makeSvg({ class: "lanes", ...hidden }),
    cursor: make("div", { class: "cursor", hidden: "", ...hidden }),
    cursorTime: make("div", { class: "cursor-time", hidden: "", ...hidden }),
    tooltip: make("div", { class: "tooltip", role: "tooltip" }),
    legend: make("div", { class: "legend" }),
    status: make("div", { class: "status" }),
    spoken: make("div", { class: "spoken", "aria-live": "polite" }),
    empty: make("p", { class: "empty" }, "Reading the tree …"),
  };
  const { title, facts, idle, zoomOut, zoomIn, fit, exportButton, main, axis, canvas, rows } =
    layout;
  const { lanes, scroll, cursor, cursorTime, tooltip, legend, status, spoken, empty } = layout;
  const zoom = make("div", { class: "zoom", role: "group", "aria-label": "Zoom" });
  zoom.append(zoomOut, zoomIn, fit);
  canvas.append(rows, lanes);
  scroll.append(canvas);
  const heads = make(
    "div",
    { class: "heads row" },
    make("span", { class: "name" }, "Session"),
    make("span", { class: "word" }, "State"),
    make("span", { class: "tokens" }, "Tokens"),
    make("span", { class: "cost" }, "Cost"),
  );
  const bar = make("header", { role: "toolbar", "aria-label": "Timeline" });
  bar.append(make("div", { class: "about" }, title, facts), idle, zoom, exportButton);
  const head = make("div", { class: "head", ...hidden }, heads, axis, cursorTime);
  main.append(head, scroll, empty, cursor);
  document.body.replaceChildren(bar, main, make("footer", {}, legend, status), tooltip, spoken);
  return layout;
}

/** `name`: what it is read as, where its text is no word. */
function button(text: string, title: string, name?: string): HTMLButtonElement {
  const label = name === undefined ? undefined : { "aria-label": name };
  return make("button", { type: "button", title, ...label }, text);
}
