/** Parsers of arguments; each error message shows the form that is expected. */
import { InvalidArgumentError } from "commander";
import { sessionStatuses, type SessionStatus } from "../../protocol/session.ts";
import { parseDuration, parseSize } from "../client/values.ts";

/** Milliseconds, at least one. */
export function duration(text: string): number {
  const ms = parseDuration(text);
  if (ms === undefined || ms < 1) {
    throw new InvalidArgumentError("A time looks like 90s, 10m, 2h or 30d.");
  }
  return ms;
}

/** Milliseconds; 0 means not to wait. */
export function waitingTime(text: string): number {
  return text.trim() === "0" || parseDuration(text) === 0 ? 0 : duration(text);
}

/** Bytes. */
export function size(text: string): number {
  const bytes = parseSize(text);
  if (bytes === undefined) throw new InvalidArgumentError("A size looks like 500MB or 2GiB.");
  return bytes;
}

export function count(text: string): number {
  if (!/^\d+$/.test(text)) throw new InvalidArgumentError("Give a whole number, 0 or more.");
  return Number(text);
}

export function wholeNumber(text: string): number {
  if (!/^-?\d+$/.test(text)) throw new InvalidArgumentError("Give a whole number.");
  return Number(text);
}

export function money(text: string): number {
  const amount = Number(text.replace(/^\$/, ""));
  if (text.trim() === "" || !Number.isFinite(amount) || amount < 0) {
    throw new InvalidArgumentError("A sum in US dollars looks like 2.50.");
  }
  return amount;
}

/** States, separated by commas; the option may be repeated. */
export function statuses(text: string, before: readonly SessionStatus[] = []): SessionStatus[] {
  const named = text.split(",").map((part) => part.trim());
  const found = named.flatMap((name) => sessionStatuses.filter((status) => status === name));
  if (found.length < named.length) {
    throw new InvalidArgumentError(`The states are ${sessionStatuses.join(", ")}.`);
  }
  return [...before, ...found];
}

const wholeOrEnd = /^([0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}|[0-9a-f-]{4,35})$/;

/** A session's id, or at least its last four characters; `resolveIds` finds the session later. */
export function idOrEnd(text: string): string {
  const id = text.toLowerCase();
  if (wholeOrEnd.test(id)) return id;
  throw new InvalidArgumentError(
    "Give a whole id, or at least the last four characters of it; `offshoot ls` shows them.",
  );
}

export function idsOrEnds(text: string, before: readonly string[] = []): string[] {
  return [...before, idOrEnd(text)];
}
