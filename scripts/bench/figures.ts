/** Figures, and how they are printed. */
import { cpus, totalmem, type } from "node:os";

export interface Figure {
  /** The group of the figure, such as "start → first answer". */
  group: string;
  /** What exactly was measured. */
  figure: string;
  unit: "ms" | "MB" | "per second" | "count";
  offshoot: number;
  /** The same, measured on the bare program that `floorIs` names, in the same run. */
  floor?: number;
  floorIs?: string;
  /** The aim, in the unit of the figure or as a multiple of the floor. */
  aim?: { atMost: number } | { atLeast: number } | { timesFloor: number };
}

/** The figure divided by the floor; for rates the inverse, so that lower is always better. */
export function ratioOf({ unit, offshoot, floor }: Figure): number | undefined {
  if (floor === undefined || floor === 0 || offshoot === 0) return undefined;
  return unit === "per second" ? floor / offshoot : offshoot / floor;
}

/** Whether the aim is reached; undefined without one. */
export function isReached(figure: Figure): boolean | undefined {
  const { aim, offshoot } = figure;
  if (aim === undefined) return undefined;
  if ("atMost" in aim) return offshoot <= aim.atMost;
  if ("atLeast" in aim) return offshoot >= aim.atLeast;
  return (ratioOf(figure) ?? Number.POSITIVE_INFINITY) <= aim.timesFloor;
}

/** One figure as a line of JSON. */
export function jsonLine(figure: Figure): string {
  const ratio = ratioOf(figure);
  const reached = isReached(figure);
  return JSON.stringify({
    ...figure,
    offshoot: rounded(figure.offshoot),
    ...(figure.floor !== undefined && { floor: rounded(figure.floor) }),
    ...(ratio !== undefined && { timesFloor: rounded(ratio) }),
    ...(reached !== undefined && { reached }),
  });
}

/** A figure as a line for people; `heading` names the columns. */
export function tableLine(figure: Figure): string {
  const { unit, offshoot, floor } = figure;
  const ratio = ratioOf(figure);
  const reached = isReached(figure);
  const verdict = reached === undefined ? "" : `${reached ? "ok  " : "MISS"} ${aimText(figure)}`;
  return columns(
    figure.figure,
    shown(offshoot, unit),
    floor === undefined ? "" : shown(floor, unit),
    ratio === undefined ? "" : `${ratio.toFixed(2)}x`,
    verdict,
  );
}

export const heading = columns("", "offshoot", "floor", "cost", "aim");

/** The machine and the Node on which the figures were measured. */
export function machine(): string {
  const [processor] = cpus();
  const memory = Math.round(totalmem() / 1e9);
  return `Node ${process.versions.node}, ${type()}, ${cpus().length} x ${processor?.model ?? "?"}, ${memory} GB`;
}

function columns(...[name = "", ...values]: string[]): string {
  const [verdict = "", ...numbers] = values.toReversed();
  const cells = numbers.toReversed().map((cell) => cell.padStart(13));
  return `  ${name.padEnd(64)}${cells.join("")}  ${verdict}`.trimEnd();
}

function aimText({ aim, unit }: Figure): string {
  if (aim === undefined) return "";
  if ("timesFloor" in aim) return `at most ${aim.timesFloor}x the floor`;
  return "atMost" in aim
    ? `at most ${shown(aim.atMost, unit)}`
    : `at least ${shown(aim.atLeast, unit)}`;
}

function shown(value: number, unit: Figure["unit"]): string {
  const number = rounded(value).toLocaleString("en-GB", { maximumFractionDigits: 3 });
  if (unit === "per second") return `${number}/s`;
  return unit === "count" ? number : `${number} ${unit}`;
}

/** Three significant digits. */
function rounded(value: number): number {
  return Number.isInteger(value) ? value : Number(value.toPrecision(3));
}

/** The value below which the given part of the values lies. */
export function quantile(values: readonly number[], part: number): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * part))] ?? Number.NaN;
}
