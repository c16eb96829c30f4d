/** Arguments of the command line, read at the edge: what is wrong with one is said in its terms. */
import { InvalidArgumentError } from "commander";
import { parseDuration, parseSize } from "./values.ts";

/** Milliseconds, at least one. */
export function duration(text: string): number {
  const ms = parseDuration(text);
  if (ms === undefined || ms < 1) {
    throw new InvalidArgumentError("A time looks like 90s, 10m, 2h or 30d.");
  }
  return ms;
}

/** Bytes. */
export function size(text: string): number {
  const bytes = parseSize(text);
  if (bytes === undefined) throw new InvalidArgumentError("A size looks like 500MB or 2GiB.");
  return bytes;
}

export function count(text: string): number {
  if (!/^\d+$/.test(text))
    throw new InvalidArgumentError("It has to be a whole number, 0 or more.");
  return Number(text);
}

export function wholeNumber(text: string): number {
  if (!/^-?\d+$/.test(text)) throw new InvalidArgumentError("It has to be a whole number.");
  return Number(text);
}

export function money(text: string): number {
  const amount = Number(text.replace(/^\$/, ""));
  if (text.trim() === "" || !Number.isFinite(amount) || amount < 0) {
    throw new InvalidArgumentError("A sum in US dollars looks like 2.50.");
  }
  return amount;
}

/** For an option that can be given several times, or once with commas. */
export function list(text: string, before: readonly string[] = []): string[] {
  const parts = text.split(",").map((part) => part.trim());
  return [...before, ...parts.filter((part) => part !== "")];
}
