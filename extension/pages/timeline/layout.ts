/** The fixed parts of the page. */
import { element, svgElement } from "../elements/dom.ts";

export type Layout = ReturnType<typeof buildLayout>;

export function buildLayout() {
  const hidden = { "aria-hidden": "true" };
  const heads = element(
    "div",
    { class: "heads row" },
    element("span", { class: "name" }, "Session"),
    element("span", { class: "word" }, "State"),
    element("span", { class: "tokens" }, "Tokens"),
    element("span", { class: "cost" }, "Cost"),
  );
  const title = element("h1");
  const facts = element("p", { class: "facts" });
  const idle = button("Skip idle time", "Leave out the time in which nothing ran (I)");
  const zoomOut = button("−", "Zoom out (-)", "Zoom out");
  const zoomIn = button("+", "Zoom in (+, or Ctrl and the wheel)", "Zoom in");
  const fit = button("Fit", "Show all of it (0)");
  const exportButton = button("Export", "Save the whole timeline as an SVG picture (E)");
  const axis = svgElement("svg", { class: "axis", ...hidden });
  const rows = element("div", { class: "rows", role: "presentation" });
  const lanes = svgElement("svg", { class: "lanes", ...hidden });
  const canvas = element("div", { class: "canvas", role: "presentation" }, rows, lanes);
  const label = "Timeline: one lane for each session";
  const tree = { class: "scroll", tabindex: "0", role: "tree", "aria-label": label };
  const scroll = element("div", tree, canvas);
  const cursor = element("div", { class: "cursor", hidden: "", ...hidden });
  const cursorTime = element("div", { class: "cursor-time", hidden: "", ...hidden });
  const tooltip = element("div", { class: "tooltip", role: "tooltip" });
  const legend = element("div", { class: "legend" });
  const status = element("div", { class: "status" });
  /** Screen readers read this when it changes. */
  const spoken = element("div", { class: "spoken", "aria-live": "polite" });
  const empty = element("p", { class: "empty" }, "Reading the tree …");
  const group = { class: "zoom", role: "group", "aria-label": "Zoom" };
  const zoom = element("div", group, zoomOut, zoomIn, fit);
  const about = element("div", { class: "about" }, title, facts);
  const toolbar = { role: "toolbar", "aria-label": "Timeline" };
  const bar = element("header", toolbar, about, idle, zoom, exportButton);
  const head = element("div", { class: "head", ...hidden }, heads, axis, cursorTime);
  const main = element("main", {}, head, scroll, empty, cursor);
  document.body.replaceChildren(bar, main, element("footer", {}, legend, status), tooltip, spoken);
  return {
    ...{ title, facts, idle, zoomIn, zoomOut, fit, exportButton, main, axis, scroll, canvas },
    ...{ rows, lanes, cursor, cursorTime, tooltip, legend, status, spoken, empty },
  };
}

/** `name` is for screen readers, where the text is no word. */
function button(text: string, title: string, name?: string): HTMLButtonElement {
  return element("button", { type: "button", title, "aria-label": name }, text);
}
