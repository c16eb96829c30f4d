/** Durations, times, tokens and money as people read them. Pure. */

/** `9s`, `3m 05s`, `2h 10m`. */
export function duration(milliseconds: number): string {
  const seconds = Math.max(0, Math.floor(milliseconds / 1_000));
  const minutes = Math.floor(seconds / 60);
  if (seconds < 60) return `${seconds}s`;
  if (minutes < 60) return `${minutes}m ${twoDigits(seconds % 60)}s`;
  return `${Math.floor(minutes / 60)}h ${twoDigits(minutes % 60)}m`;
}

function twoDigits(value: number): string {
  return String(value).padStart(2, "0");
}

/** `340ms`, `4.2s`, `1m 05s`, `2h 10m`, `3d 4h`. */
export function exactDuration(milliseconds: number): string {
  const ms = Math.max(0, Math.round(milliseconds));
  if (ms < 1_000) return `${ms}ms`;
  if (ms < 9_950) return `${(ms / 1_000).toFixed(1)}s`;
  const seconds = Math.round(ms / 1_000);
  const hours = Math.floor(seconds / 3_600);
  if (hours < 24) return duration(seconds * 1_000);
  return `${Math.floor(hours / 24)}d ${hours % 24}h`;
}

const clockFormat = new Intl.DateTimeFormat(undefined, { timeStyle: "medium" });

/** `10:32:05`, in the format of the reader's language. */
export function clock(at: number): string {
  return clockFormat.format(at);
}

/** `10:32`, in the format of the reader's language. */
export function timeOfDay(at: number): string {
  return new Date(at).toLocaleTimeString([], { hour: "2-digit", minute: "2-digit" });
}

/** `<$0.01`, `$0.03`; empty for no cost. */
export function moneyText(costUsd: number): string {
  if (costUsd <= 0) return "";
  return costUsd < 0.01 ? "<$0.01" : `$${costUsd.toFixed(2)}`;
}

/** `950`, `12k`, `3.4M`. */
export function shortCount(count: number): string {
  if (count < 1_000) return String(count);
  if (count < 999_500) return `${Math.round(count / 1_000)}k`;
  return `${(count / 1_000_000).toFixed(1)}M`;
}
