/** The box that says what is pointed at. */
import type { Palette } from "../../timeline/drawing.ts";
import { signAt } from "../../timeline/signs.ts";
import type { Telling } from "../../timeline/words.ts";
import { make, makeSvg, patch } from "./dom.ts";

const gap = 14;

/** Shows it beside a place of the window, inside the window. */
export function showTooltip(
  box: HTMLElement,
  telling: Telling,
  place: { x: number; y: number },
  palette: Palette,
): void {
  const sign = makeSvg({ width: "16", height: "16", "aria-hidden": "true" });
  patch(sign, [signAt(telling.look, 8, 8, 16, palette)]);
  box.replaceChildren(
    make("strong", {}, sign, make("span", {}, telling.title)),
    ...telling.lines.map((line) => make("p", {}, line)),
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
