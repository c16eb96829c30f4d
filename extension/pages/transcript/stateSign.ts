/** The sign of a state, as it is everywhere; the style gives its tone a colour. */
import { looks, type StateLook } from "../../sessions/stateSigns.ts";

const svg = "http://www.w3.org/2000/svg";

/** `word` is what it means, where nothing beside it says so. */
export function stateSign(look: StateLook, word?: string): SVGSVGElement {
  const { tone, strokes } = looks[look];
  const path = document.createElementNS(svg, "path");
  path.setAttribute("d", strokes);
  const sign = document.createElementNS(svg, "svg");
  sign.setAttribute("viewBox", "0 0 16 16");
  sign.setAttribute("class", `sign ${tone}${look === "running" ? " turning" : ""}`);
  if (word === undefined) sign.setAttribute("aria-hidden", "true");
  else {
    sign.setAttribute("role", "img");
    sign.setAttribute("aria-label", word);
  }
  sign.append(path);
  return sign;
}
