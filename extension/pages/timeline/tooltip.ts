/** The box that describes what the pointer or the keys select. */
import type { Palette } from "../../timeline/drawing.ts";
import { signAt } from "../../timeline/signs.ts";
import type { Description } from "../../timeline/words.ts";
import { element, svgElement } from "../elements/dom.ts";
import { patch } from "./patch.ts";

const gap = 14;

/** Shows the box beside a place of the window, and inside the window. */
export function showTooltip(
  box: HTMLElement,
  description: Description,
  place: { x: number; y: number },
  palette: Palette,
): void {
  const sign = svgElement("svg", { width: "16", height: "16", "aria-hidden": "true" });
  patch(sign, [signAt(description.sign, 8, 8, 16, palette)]);
  box.replaceChildren(
    element("strong", {}, sign, element("span", {}, description.title)),
    ...description.lines.map((line) => element("p", {}, line)),
  );
  box.classList.add("shown");
  const { width, height } = box.getBoundingClientRect();
  const { innerWidth, innerHeight } = window;
  const left = place.x + gap + width > innerWidth ? place.x - gap - width : place.x + gap;
  const top = place.y + gap + height > innerHeight ? place.y - gap - height : place.y + gap;
  box.style.left = `${Math.max(4, left)}px`;
  box.style.top = `${Math.max(4, top)}px`;
}

export function hideTooltip(box: HTMLElement): void {
  box.classList.remove("shown");
}
