/** The fixed parts of the page. */
import { element, svgElement } from "../elements/dom.ts";

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
  /** Scrolls vertically; holds the rows and the lanes. */
  scroll: HTMLElement;
  canvas: HTMLElement;
  rows: HTMLElement;
  lanes: SVGSVGElement;
  cursor: HTMLElement;
  cursorTime: HTMLElement;
  tooltip: HTMLElement;
  legend: HTMLElement;
  status: HTMLElement;
  /** Screen readers read this when it changes. */
  spoken: HTMLElement;
  empty: HTMLElement;
}

export function buildLayout(): Layout {
  const hidden = { "aria-hidden": "true" };
  const layout: Layout = {
    title: element("h1", {}),
    facts: element("p", { class: "facts" }),
    idle: button("Skip idle time", "Leave out the time in which nothing ran (I)"),
    zoomOut: button("−", "Zoom out (-)", "Zoom out"),
    zoomIn: button("+", "Zoom in (+, or Ctrl and the wheel)", "Zoom in"),
    fit: button("Fit", "Show all of it (0)"),
    exportButton: button("Export", "Save the whole timeline as an SVG picture (E)"),
    main: element("main", {}),
    axis: svgElement("svg", { class: "axis", ...hidden }),
    scroll: element("div", {
      class: "scroll",
      tabindex: "0",
      role: "tree",
      "aria-label": "Timeline: one lane for each session",
    }),
    canvas: element("div", { class: "canvas", role: "presentation" }),
    rows: element("div", { class: "rows", role: "presentation" }),
    lanes: svgElement("svg", { class: "lanes", ...hidden }),
    cursor: element("div", { class: "cursor", hidden: "", ...hidden }),
    cursorTime: element("div", { class: "cursor-time", hidden: "", ...hidden }),
    tooltip: element("div", { class: "tooltip", role: "tooltip" }),
    legend: element("div", { class: "legend" }),
    status: element("div", { class: "status" }),
    spoken: element("div", { class: "spoken", "aria-live": "polite" }),
    empty: element("p", { class: "empty" }, "Reading the tree …"),
  };
  const { title, facts, idle, zoomOut, zoomIn, fit, exportButton, main, axis, canvas, rows } =
    layout;
  const { lanes, scroll, cursor, cursorTime, tooltip, legend, status, spoken, empty } = layout;
  const group = { class: "zoom", role: "group", "aria-label": "Zoom" };
  const zoom = element("div", group, zoomOut, zoomIn, fit);
  canvas.append(rows, lanes);
  scroll.append(canvas);
  const heads = element(
    "div",
    { class: "heads row" },
    element("span", { class: "name" }, "Session"),
    element("span", { class: "word" }, "State"),
    element("span", { class: "tokens" }, "Tokens"),
    element("span", { class: "cost" }, "Cost"),
  );
  const about = element("div", { class: "about" }, title, facts);
  const toolbar = { role: "toolbar", "aria-label": "Timeline" };
  const bar = element("header", toolbar, about, idle, zoom, exportButton);
  const head = element("div", { class: "head", ...hidden }, heads, axis, cursorTime);
  main.append(head, scroll, empty, cursor);
  document.body.replaceChildren(bar, main, element("footer", {}, legend, status), tooltip, spoken);
  return layout;
}

/** `name` is for screen readers, where the text is no word. */
function button(text: string, title: string, name?: string): HTMLButtonElement {
  return element("button", { type: "button", title, "aria-label": name }, text);
}
