/** The signs of states and the patterns of spans: what tells them apart without any colour. Pure. */
import { element, type Palette, type SvgElement } from "./drawing.ts";
import type { SpanKind } from "./lanes.ts";
import type { Telling } from "./words.ts";

export type Sign = Telling["look"];

/** Lines in a square of 16 by 16, drawn with a pen of 1.5. */
const strokes: Record<Sign, string> = {
  created: "M8 3.5a4.5 4.5 0 1 0 0 9a4.5 4.5 0 1 0 0-9z",
  queued: "M8 3a5 5 0 1 0 0 10a5 5 0 1 0 0-10z M8 5.5v2.8l2 1.4",
  paused: "M8 2.5a5.5 5.5 0 1 0 0 11a5.5 5.5 0 1 0 0-11z M6.5 6v4 M9.5 6v4",
  running: "M5.5 3.8v8.4l6.6-4.2z",
  stalled: "M8 2.8l5.7 10h-11.4z M8 6.6v2.6 M8 11.2v.1",
  approval: "M5.6 6.2a2.5 2.5 0 1 1 3.6 2.2q-1.2.6-1.2 1.8 M8 12.6v.1",
  input: "M2.8 3.8h10.4v6.8h-6l-2.4 2.2v-2.2h-2z",
  children: "M3.6 4.2h3 M5 4.2v7.4h2.6 M5 7.9h2.6 M9.6 7.9h3 M9.6 11.6h3",
  background: "M2.8 4h10.4v8h-10.4z M5 6.6l1.6 1.4l-1.6 1.4 M8.4 9.6h2.4",
  completed: "M3.4 8.4l3 3l6.2-6.8",
  cancelled: "M8 3a5 5 0 1 0 0 10a5 5 0 1 0 0-10z M4.6 4.6l6.8 6.8",
  error: "M4.2 4.2l7.6 7.6 M11.8 4.2l-7.6 7.6",
  timeout: "M4.4 2.8h7.2 M4.4 13.2h7.2 M5 2.8c0 3.6 6 6.8 6 10.4 M11 2.8c0 3.6-6 6.8-6 10.4",
  interrupted: "M9.2 2.2l-4.6 6.6h3.4l-1.2 5l4.6-6.6h-3.4z",
  skipped: "M3.6 4.4l4.2 3.6l-4.2 3.6 M11.4 4.4v7.2",
  unknown: "M3.5 8h.1 M8 8h.1 M12.5 8h.1",
  retry: "M12.6 8a4.6 4.6 0 1 1-1.5-3.4 M11.4 1.8v3h-3",
  budget: "M3 13h10 M4.6 13v-4 M8 13v-6.6 M11.4 13v-9.6",
  tool: "M3 8h10",
};

export function signColor(sign: Sign, palette: Palette): string {
  switch (sign) {
    case "running":
    case "tool":
      return palette.running;
    case "approval":
    case "input":
    case "budget":
      return palette.approval;
    case "children":
    case "background":
      return palette.children;
    case "completed":
      return palette.completed;
    case "error":
    case "timeout":
      return palette.error;
    case "stalled":
    case "interrupted":
    case "retry":
      return palette.warning;
    case "created":
    case "queued":
    case "paused":
    case "cancelled":
    case "skipped":
    case "unknown":
      return palette.muted;
  }
}

/** The sign in a square of this size, its middle at the place given. */
export function signAt(sign: Sign, x: number, y: number, size: number, palette: Palette) {
  const scale = size / 16;
  const color = signColor(sign, palette);
  return element("path", {
    d: strokes[sign],
    transform: `translate(${x - size / 2} ${y - size / 2}) scale(${scale})`,
    fill: sign === "running" ? color : "none",
    stroke: color,
    "stroke-width": 1.5 / Math.min(1, scale),
    "stroke-linecap": "round",
    "stroke-linejoin": "round",
  });
}

/** How a span is filled, and how its edge is drawn. */
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

/** In these nothing happens, so they are drawn as a thin line. */
export function isThin(kind: SpanKind): boolean {
  return kind === "queued" || kind === "retry" || kind === "unknown";
}

/** The patterns that spans are filled with. Once in a document. */
export function patterns(palette: Palette): SvgElement {
  const lines: Partial<Record<SpanKind, { d: string; size: number; width: number }>> = {
    approval: { d: "M-2 2L2 -2M0 8L8 0M6 10L10 6", size: 8, width: 2.4 },
    input: { d: "M0 0L6 6M6 0L0 6", size: 6, width: 1 },
    stalled: { d: "M-2 6L2 10M0 0L8 8M6 -2L10 2", size: 8, width: 1.4 },
    paused: { d: "M2 0V6", size: 6, width: 2 },
    children: { d: "M0 3H1.6", size: 4, width: 1.6 },
    background: { d: "M0 1H4M0 3H4", size: 4, width: 0.8 },
  };
  return element(
    "defs",
    {},
    ...Object.entries(lines).map(([kind, { d, size, width }]) =>
      element(
        "pattern",
        {
          id: `offshoot-${kind}`,
          width: size,
          height: size,
          patternUnits: "userSpaceOnUse",
        },
        element("rect", { width: size, height: size, fill: palette.background }),
        element("path", {
          d,
          fill: "none",
          stroke: signColor(kind as SpanKind, palette),
          "stroke-width": width,
        }),
      ),
    ),
  );
}
