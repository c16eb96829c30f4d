/** The sign of a state; the style sheet gives its tone a colour. */
import { stateSigns, type ShownState } from "../../sessions/stateSigns.ts";
import { svgElement } from "../elements/dom.ts";

export function stateSign(state: ShownState): SVGSVGElement {
  const { tone, strokes } = stateSigns[state];
  const sign = svgElement("svg", {
    viewBox: "0 0 16 16",
    class: `sign ${tone}${state === "running" ? " turning" : ""}`,
    "aria-hidden": "true",
  });
  sign.append(svgElement("path", { d: strokes }));
  return sign;
}
