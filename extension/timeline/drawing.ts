/** SVG as data: the page makes elements from it, the export makes text. Pure, without a DOM. */
import type { Tone } from "../sessions/stateSigns.ts";

export interface SvgElement {
  name: string;
  attributes: Record<string, string | number>;
  /** Texts are never markup, whatever they hold. */
  children: (SvgElement | string)[];
}

export function element(
  name: string,
  attributes: Record<string, string | number>,
  ...children: (SvgElement | string)[]
): SvgElement {
  return { name, attributes, children };
}

export function group(...children: SvgElement[]): SvgElement {
  return element("g", {}, ...children);
}

/** A group whose origin is at this place. */
export function groupAt(x: number, y: number, ...children: SvgElement[]): SvgElement {
  return element("g", { transform: `translate(${x} ${y})` }, ...children);
}

/** CSS colours of the picture, with one for each tone of a sign. */
export interface Palette extends Record<Tone, string> {
  background: string;
  foreground: string;
  /** Grid, borders and the lines between lanes. */
  line: string;
  font: string;
}

export const lightPalette: Palette = {
  background: "#ffffff",
  foreground: "#24292f",
  quiet: "#656d76",
  line: "#d8dee4",
  works: "#1a6fd4",
  needsYou: "#9a6700",
  waits: "#652d90",
  good: "#1a7f37",
  bad: "#cf222e",
  odd: "#bc4c00",
  font: "system-ui, -apple-system, 'Segoe UI', 'DejaVu Sans', sans-serif",
};

export const darkPalette: Palette = {
  ...lightPalette,
  background: "#1f1f1f",
  foreground: "#d4d4d4",
  quiet: "#9d9d9d",
  line: "#3a3a3a",
  works: "#3794ff",
  needsYou: "#cca700",
  waits: "#b180d7",
  good: "#89d185",
  bad: "#f14c4c",
  odd: "#d18616",
};

/** The element as text of a file. */
export function svgText({ name, attributes, children }: SvgElement): string {
  const written = Object.entries(attributes).map(([key, value]) => ` ${key}="${escaped(value)}"`);
  const inside = children.map((child) =>
    typeof child === "string" ? escaped(child) : svgText(child),
  );
  const open = `<${name}${written.join("")}`;
  return inside.length === 0 ? `${open}/>` : `${open}>${inside.join("")}</${name}>`;
}

/** XML forbids most control characters and unpaired surrogates, also as escapes. */
const unwritable = /[^\t\n\r\u{20}-\u{d7ff}\u{e000}-\u{fffd}\u{10000}-\u{10ffff}]/gu;
const entities: Record<string, string> = {
  "&": "&amp;",
  "<": "&lt;",
  ">": "&gt;",
  '"': "&quot;",
  "'": "&#39;",
};

function escaped(value: string | number): string {
  return String(value)
    .toWellFormed()
    .replaceAll(unwritable, "\u{fffd}")
    .replaceAll(/[&<>"']/g, (character) => entities[character] ?? "");
}

/** A place, rounded to a tenth of a pixel to keep the text short. */
export function px(value: number): number {
  return Math.round(value * 10) / 10;
}
