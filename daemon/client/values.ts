/** Parses and formats durations, sizes, money, times and text of agents. Pure. */
import { stripVTControlCharacters } from "node:util";
import cliTruncate from "cli-truncate";
import stringWidth from "string-width";

const unitMs: Record<string, number> = {
  ms: 1,
  s: 1000,
  m: 60_000,
  h: 3_600_000,
  d: 86_400_000,
};

const unitBytes: Record<string, number> = {
  "": 1,
  b: 1,
  kb: 1000,
  mb: 1000 ** 2,
  gb: 1000 ** 3,
  kib: 1024,
  mib: 1024 ** 2,
  gib: 1024 ** 3,
};

/** Milliseconds of "90s", "10m", "2h", "30d" or "1h30m"; undefined for any other form. */
export function parseDuration(text: string): number | undefined {
  if (!/^(\d+(\.\d+)?(ms|s|m|h|d))+$/.test(text)) return undefined;
  let total = 0;
  for (const [, amount, unit] of text.matchAll(/(\d+(?:\.\d+)?)(ms|s|m|h|d)/g)) {
    total += Number(amount) * (unitMs[unit ?? ""] ?? 0);
  }
  return Math.round(total);
}

/** Bytes of "500MB", "2GiB" or "4096"; undefined for any other form. */
export function parseSize(text: string): number | undefined {
  const [, amount, unit] = /^(\d+(?:\.\d+)?)\s*([kmg]?i?b)?$/i.exec(text) ?? [];
  const bytes = unitBytes[(unit ?? "").toLowerCase()];
  return amount === undefined || bytes === undefined
    ? undefined
    : Math.round(Number(amount) * bytes);
}

/** "0.4s", "42s", "3m05s", "2h10m", "3d4h": at most six characters for anything below 100 days. */
export function formatDuration(ms: number): string {
  const seconds = Math.max(0, ms) / 1000;
  if (seconds < 9.95) return `${seconds.toFixed(1)}s`;
  const whole = Math.round(seconds);
  if (whole < 60) return `${whole}s`;
  if (whole < 3600) return `${Math.floor(whole / 60)}m${twoDigits(whole % 60)}s`;
  const minutes = Math.floor(whole / 60);
  if (minutes < 24 * 60) return `${Math.floor(minutes / 60)}h${twoDigits(minutes % 60)}m`;
  const hours = Math.floor(minutes / 60);
  return `${Math.floor(hours / 24)}d${hours % 24}h`;
}

function twoDigits(value: number): string {
  return String(value).padStart(2, "0");
}

/** "512 B", "4.2 kB", "1.3 MB": in decimal units. */
export function formatBytes(bytes: number): string {
  let value = bytes;
  for (const unit of ["B", "kB", "MB", "GB"]) {
    if (value < 1000)
      return `${unit === "B" || value >= 100 ? Math.round(value) : value.toFixed(1)} ${unit}`;
    value /= 1000;
  }
  return `${value.toFixed(1)} TB`;
}

/** "950", "1.2k", "3.4M". */
export function formatCount(count: number): string {
  if (count < 1000) return String(Math.round(count));
  return count < 999_950 ? `${(count / 1000).toFixed(1)}k` : `${(count / 1e6).toFixed(1)}M`;
}

/** "$0.0042", "$1.25": a sum below one cent keeps two significant digits. */
export function formatMoney(usd: number): string {
  return `$${usd >= 0.01 ? usd.toFixed(2) : usd.toPrecision(2)}`;
}

/** "10:32:05" in the local time of the machine. */
export function formatTime(at: number): string {
  const date = new Date(at);
  return [date.getHours(), date.getMinutes(), date.getSeconds()].map(twoDigits).join(":");
}

/**
 * Text of an agent for one line of a terminal. The text is not trusted: characters that move the
 * cursor, change the reading direction or have no width are removed.
 */
export function cleanLine(text: string): string {
  return stripVTControlCharacters(text.toWellFormed())
    .replaceAll(/\s+/g, " ")
    .replaceAll(/[\p{Cc}\p{Zl}\p{Zp}\u061c\u200b-\u200f\u202a-\u202e\u2060-\u206f\ufeff]/gu, "")
    .trim();
}

/** The same for text of many lines: line ends and tabs are kept. */
export function cleanText(text: string): string {
  return stripVTControlCharacters(text.toWellFormed())
    .replaceAll(/\r\n?/g, "\n")
    .replaceAll(/[^\P{Cc}\n\t]|[\u202a-\u202e\u2066-\u2069]/gu, "");
}

/** The text in at most `width` columns, with … where text was cut. */
export function cutTo(text: string, width: number): string {
  // The result of cli-truncate 5.2.0 is one column too wide if a wide character is at the edge.
  for (let room = width; room > 0; room -= 1) {
    const shown = cliTruncate(text, room);
    if (stringWidth(shown) <= width) return shown;
  }
  return "";
}

/** The part of an id that people see: its end, because ids of the same time begin alike. */
export function shortId(id: string): string {
  return id.slice(-8);
}
