/** The words for what a session is, does and costs: for rows, tooltips, documents. Pure. */
import type { Session, Usage, WaitingFor } from "../../protocol/session.ts";
import { isTerminal } from "../../protocol/states.ts";

/** The state in a word or three; never by colour or icon alone. */
export function stateWord(session: Session): string {
  const word = plainStateWord(session);
  return session.adopted === true ? `${word} (adopted)` : word;
}

/** Without the note that an outside agent has started it. */
export function plainStateWord(session: Session): string {
  switch (session.status) {
    case "queued":
      return session.position === undefined ? "queued" : `queued, place ${session.position}`;
    case "running":
      return session.stalled ? "stalled" : "running";
    case "suspended":
      return waitingWord(session.waitingFor);
    case "created":
      return "not started";
    case "paused":
    case "completed":
    case "cancelled":
    case "error":
    case "timeout":
    case "interrupted":
    case "skipped":
      return session.status;
  }
}

/** What a session waits for; of a retry also when it begins, by the clock of the reader. */
function waitingWord({ kind, until }: WaitingFor): string {
  if (kind !== "retry" || until === undefined) return waitingWords[kind];
  const at = new Date(until).toLocaleTimeString([], { hour: "2-digit", minute: "2-digit" });
  return `${waitingWords.retry} at ${at}`;
}

const waitingWords = {
  approval: "needs approval",
  input: "needs an answer",
  children: "waiting for children",
  background: "waiting for a process",
  retry: "waiting to try again",
} as const;

/** `1 needs you`, `2 need you`; nothing for none. */
export function needingText(count: number, what = ""): string {
  if (count === 0) return "";
  return `${count} ${what}${what === "" ? "" : " "}${count === 1 ? "needs" : "need"} you`;
}

/** It goes on only when a person does something. */
export function needsPerson(session: Session): boolean {
  if (session.status !== "suspended") return false;
  return session.waitingFor.kind === "approval" || session.waitingFor.kind === "input";
}

/**
 * How long the run has taken: exactly when it is over, roughly while it goes on.
 */
export function timeTaken(session: Session, now: number): string {
  if (isTerminal(session)) {
    return session.startedAt === undefined ? "" : duration(session.endedAt - session.startedAt);
  }
  return "startedAt" in session ? roughDuration(now - session.startedAt) : "";
}

/** What it does just now, in one line; nothing where other places say it. */
export function activityOf(session: Session): string {
  if (!("activity" in session) || session.activity === undefined) return "";
  // What it asks for stands where it is answered, and that it waits is said already.
  if (needsPerson(session) || session.status === "suspended") return "";
  const { kind, label } = session.activity;
  // The prompt of a shell is the command itself, until it says something.
  if (kind === "process" && shellCall.test(label)) return "";
  return oneLine(label, longestActivity);
}

const shellCall = /^(\S*\/)?(sh -c|cmd\.exe \/d \/s \/c) /;
const longestActivity = 80;

/** `12k tokens $0.03`, or nothing where nothing is known. */
export function costText({ inputTokens, outputTokens, costUsd }: Usage): string {
  const tokens = inputTokens + outputTokens;
  const parts = [tokens > 0 ? `${shortCount(tokens)} tokens` : "", moneyText(costUsd)];
  return parts.filter((part) => part !== "").join(" ");
}

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

/** `9s`, `3m 05s`, `2h 10m`. */
export function duration(milliseconds: number): string {
  const seconds = Math.max(0, Math.floor(milliseconds / 1000));
  if (seconds < 60) return `${seconds}s`;
  const minutes = Math.floor(seconds / 60);
  if (minutes < 60) return `${minutes}m ${String(seconds % 60).padStart(2, "0")}s`;
  return `${Math.floor(minutes / 60)}h ${String(minutes % 60).padStart(2, "0")}m`;
}

/** Nothing, `10s`, `20s`, `3m`, `2h 10m`: a row that changes every second lets nobody rest on it. */
function roughDuration(milliseconds: number): string {
  if (milliseconds < 10_000) return "";
  if (milliseconds < 60_000) return `${Math.floor(milliseconds / 10_000)}0s`;
  if (milliseconds < 3_600_000) return `${Math.floor(milliseconds / 60_000)}m`;
  return duration(milliseconds);
}

/** `3 minutes 5 seconds` for `3m 05s`: for screen readers. */
export function spokenDuration(short: string): string {
  const units = { s: "second", m: "minute", h: "hour" } as const;
  return short.replaceAll(/0*(\d+)([smh])/g, (_all, count: string, unit: keyof typeof units) =>
    plural(Number(count), units[unit]),
  );
}

/** `1 child`, `3 children`; the plural adds an s unless it is given. */
export function plural(count: number, one: string, many = `${one}s`): string {
  return `${count.toLocaleString("en")} ${count === 1 ? one : many}`;
}

/**
 * Text of an agent as one line of at most so many characters. Control characters are taken out,
 * and those that turn the direction of what follows.
 */
export function oneLine(text: string, most: number): string {
  const line = text
    .slice(0, most * 4)
    .replaceAll(/\s+/g, " ")
    .replaceAll(/[\p{Cc}\u202A-\u202E\u2066-\u2069\u200E\u200F]/gu, "")
    .trim();
  const characters = [...line];
  return characters.length > most ? `${characters.slice(0, most - 1).join("")}…` : line;
}
