/** The words for the state, the activity and the cost of a session. Pure. */
import type { Session, Usage, WaitingFor } from "../../protocol/session.ts";
import { isTerminal } from "../../protocol/states.ts";
import { duration, moneyText, shortCount, timeOfDay } from "../base/numbers.ts";
import { joined, oneLine, plural } from "../base/text.ts";

/** The state in up to three words: never shown by colour or icon alone. */
export function stateWord(session: Session): string {
  const word = plainStateWord(session);
  return session.adopted === true ? `${word} (adopted)` : word;
}

/** The state, without the note that an outside agent started the session. */
export function plainStateWord(session: Session): string {
  const { status } = session;
  if (status === "queued" && session.position !== undefined)
    return `queued, place ${session.position}`;
  if (status === "running" && session.stalled) return "stalled";
  if (status === "suspended") return waitingWord(session.waitingFor);
  return status === "created" ? "not started" : status;
}

/** What a session waits for; of a retry also when it begins, by the clock of the reader. */
function waitingWord({ kind, until }: WaitingFor): string {
  if (kind !== "retry" || until === undefined) return waitingWords[kind];
  return `${waitingWords.retry} at ${timeOfDay(until)}`;
}

const waitingWords = {
  approval: "needs approval",
  input: "needs an answer",
  children: "waiting for children",
  background: "waiting for a process",
  retry: "waiting to try again",
} as const;

/** `1 needs you`, `2 children need you`; empty for 0. */
export function needingText(count: number, what = ""): string {
  if (count === 0) return "";
  return joined([String(count), what, count === 1 ? "needs you" : "need you"], " ");
}

/** Whether the session waits for a person. */
export function needsPerson(session: Session): boolean {
  if (session.status !== "suspended") return false;
  return session.waitingFor.kind === "approval" || session.waitingFor.kind === "input";
}

/** Whether the session waits for a message from a person. */
export function needsMessage(session: Session): boolean {
  return session.status === "suspended" && session.waitingFor.kind === "input";
}

/** How long the last run has taken, in milliseconds; undefined where it has not started. */
export function runMs(session: Session, now: number): number | undefined {
  if (!("startedAt" in session) || session.startedAt === undefined) return undefined;
  return (isTerminal(session) ? session.endedAt : now) - session.startedAt;
}

/** How long the run has taken: exact after its end, rounded while it is live. */
export function timeTaken(session: Session, now: number): string {
  const ms = runMs(session, now);
  if (ms === undefined) return "";
  return isTerminal(session) ? duration(ms) : roughDuration(ms);
}

/** What the session does just now, in one line; empty where the state says it. */
export function activityOf(session: Session): string {
  if (!("activity" in session) || session.activity === undefined) return "";
  // The state says what the session waits for.
  if (session.status === "suspended") return "";
  const { kind, label } = session.activity;
  // Until a shell command prints something, its label repeats the prompt.
  if (kind === "process" && shellCall.test(label)) return "";
  return oneLine(label, longestActivity);
}

const shellCall = /^(\S*\/)?(sh -c|cmd\.exe \/d \/s \/c) /;
const longestActivity = 80;

/** `12k tokens $0.03`; empty where nothing is known. */
export function costText({ inputTokens, outputTokens, costUsd }: Usage): string {
  const tokens = inputTokens + outputTokens;
  return joined([tokens > 0 ? `${shortCount(tokens)} tokens` : "", moneyText(costUsd)], " ");
}

/** Nothing, `10s`, `20s`, `3m`, `2h 10m`: a row that changed every second could not be read. */
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
