/** Times in a transcript. */
import { duration } from "../../base/numbers.ts";

const timeFormat = new Intl.DateTimeFormat(undefined, { timeStyle: "medium" });

/** `10:32:05`, in the format of the reader's language. */
export function clock(at: number): string {
  return timeFormat.format(at);
}

/** `0.4s`, `42s`, `3m 05s`, `2h 10m`. */
export function shortDuration(ms: number): string {
  if (ms < 10_000) return `${(Math.max(0, ms) / 1_000).toFixed(1)}s`;
  return duration(Math.round(ms / 1_000) * 1_000);
}
