/** How a test waits: for a fact, within a bound, and never for a while. */
import { setTimeout as pause } from "node:timers/promises";
import { inspect } from "node:util";

const recheckMs = 10;
const nothingYet = Symbol("nothing yet");

type Truthy<Value> = Exclude<Value, undefined | null | false | 0 | "">;

/**
 * `timeoutMs` is 60,000 by default: it ends what hangs and judges no speed, for other work may keep the
 * machine busy. `describe` answers what did arrive, for the failure's message.
 */
export interface WaitForOptions {
  timeoutMs?: number;
  describe?: () => unknown;
}

/**
 * Asks `predicate` every 10 ms until it answers something truthy, and resolves to that answer.
 * `what` completes the sentence "waited for …". A predicate that throws fails the wait at once:
 * throw where the thing can no longer happen, so that nobody waits for a lost cause.
 */
export async function waitFor<Value>(
  predicate: () => Value | Promise<Value>,
  what: string,
  { timeoutMs = 60_000, describe }: WaitForOptions = {},
): Promise<Truthy<Value>> {
  const timeUp = new AbortController();
  const deadline = pause(timeoutMs, nothingYet, { signal: timeUp.signal });
  // Aborted below when the wait is over, and then of no interest to anybody.
  deadline.catch(() => undefined);
  try {
    for (;;) {
      const value = await Promise.race([predicate(), deadline]);
      if (value === nothingYet) break;
      if (value) return value as Truthy<Value>;
      if ((await Promise.race([pause(recheckMs), deadline])) === nothingYet) break;
    }
  } finally {
    timeUp.abort();
  }
  const arrived = describe === undefined ? "" : `; what did arrive: ${inspected(describe())}`;
  throw new Error(`waited ${timeoutMs} ms for ${what}${arrived}`);
}

function inspected(value: unknown): string {
  return typeof value === "string" ? value : inspect(value, { depth: 6, maxArrayLength: 200 });
}
