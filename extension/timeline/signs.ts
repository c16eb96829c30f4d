/** The signs and the fill patterns of the timeline, which differ without colour, too. Pure. */
import { stateSigns, type ShownState, type Sign } from "../sessions/stateSigns.ts";
import { element, type Palette, type SvgElement } from "./drawing.ts";
import type { SpanKind } from "./runSpans.ts";

export type SignName = ShownState | SpanKind | "tool" | "budget";

/** The signs of what is no state of a session. */
const others = {
  unknown: { tone: "quiet", strokes: "M3.5 8h.1 M8 8h.1 M12.5 8h.1" },
  budget: { tone: "odd", strokes: "M3 13h10 M4.6 13v-4 M8 13v-6.6 M11.4 13v-9.6" },
  tool: { tone: "works", strokes: "M3 8h10" },
} as const;

const signs: Readonly<Record<SignName, Pick<Sign, "tone" | "strokes">>> = {
  ...stateSigns,
  ...others,
};

export function signColor(sign: SignName, palette: Palette): string {
  return palette[signs[sign].tone];
}

/** The sign in a square of this size with its centre at this place. */
export function signAt(sign: SignName, x: number, y: number, size: number, palette: Palette) {
  const scale = size / 16;
  const color = signColor(sign, palette);
  return element("path", {
    d: signs[sign].strokes,
    transform: `translate(${x - size / 2} ${y - size / 2}) scale(${scale})`,
    fill: "none",
    stroke: color,
    "stroke-width": 1.5 / Math.min(1, scale),
    "stroke-linecap": "round",
    "stroke-linejoin": "round",
  });
}

export function spanStyle(kind: SpanKind, palette: Palette): Record<string, string | number> {
  const color = signColor(kind, palette);
  const edge = { stroke: color, "stroke-width": 1 };
  switch (kind) {
    case "running":
      return { fill: color };
    case "queued":
      return { ...edge, fill: palette.background, "stroke-dasharray": "2 2" };
    case "retry":
      return { ...edge, fill: palette.background, "stroke-dasharray": "4 2" };
    case "unknown":
      return { ...edge, fill: palette.background, "stroke-dasharray": "1 5" };
    case "paused":
    case "stalled":
    case "approval":
    case "input":
    case "children":
    case "background":
      return { ...edge, fill: `url(#offshoot-${kind})` };
  }
}

/** Spans in which nothing happens are drawn as a thin line. */
export function isThin(kind: SpanKind): boolean {
  return kind === "queued" || kind === "retry" || kind === "unknown";
}

/** The fill patterns of spans; they stand in a document once. */
export function patterns(palette: Palette): SvgElement {
  const lines: Partial<Record<SpanKind, { d: string; size: number; width: number }>> = {
    approval: { d: "M-2 2L2 -2M0 8L8 0M6 10L10 6", size: 8, width: 2.4 },
    input: { d: "M0 0L6 6M6 0L0 6", size: 6, width: 1 },
    stalled: { d: "M-2 6L2 10M0 0L8 8M6 -2L10 2", size: 8, width: 1.4 },
    paused: { d: "M2 0V6", size: 6, width: 2 },
    children: { d: "M0 3H1.6", size: 4, width: 1.6 },
    background: { d: "M0 1H4M0 3H4", size: 4, width: 0.8 },
  };
  const all = Object.entries(lines).map(([kind, { d, size, width }]) => {
    const square = { width: size, height: size };
    const stroke = signColor(kind as SpanKind, palette);
    return element(
      "pattern",
      { id: `offshoot-${kind}`, ...square, patternUnits: "userSpaceOnUse" },
      element("rect", { ...square, fill: palette.background }),
      element("path", { d, fill: "none", stroke, "stroke-width": width }),
    );
  });
  return element("defs", {}, ...all);
}
