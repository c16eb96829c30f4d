/**
 * Writes to the store that its argument names as fast as it can, until it is killed. Every mutation
 * is an event of one session with its number, three messages and a header with the same number.
 * For each that is acknowledged it prints a line: `<session> <number>`.
 */
import { writeSync } from "node:fs";
import { systemClock } from "../../daemon/base/clock.ts";
import { openStore } from "../../daemon/store/openStore.ts";
import { logInto, testEvent, testSession } from "./storeRecords.ts";

const [file, sessionCount] = process.argv.slice(2);
const log = logInto([]);
const store = await openStore({ uri: `sqlite://${file}`, log, clock: systemClock });
const { sessions } = await store.loadHeaders();
const done = new Map(sessions.map((stored) => [stored.session.id, stored.session.lastSeq]));

async function writeForEver(id: string): Promise<never> {
  for (let n = (done.get(id) ?? 0) + 1; ; n += 1) {
    const header = testSession(id);
    header.session.lastSeq = n;
    const message = { at: n, role: "user" as const, text: `message ${n}` };
    await store.write(
      {
        headers: [header],
        events: [{ sessionId: id, event: testEvent(n, "x".repeat(n % 500)) }],
        messages: [3 * n - 2, 3 * n - 1, 3 * n].map((number) => ({
          sessionId: id,
          message: { ...message, n: number },
        })),
        durability: n % 3 === 0 ? "durable" : "lazy",
      },
      // The whole line is in the pipe before anything else happens, so that a kill cannot take it.
      { decided: (stored) => stored && writeSync(1, `${id} ${n}\n`) },
    );
  }
}

writeSync(1, "open\n");
await Promise.all(
  Array.from({ length: Number(sessionCount) }, (_, place) => writeForEver(`session-${place}`)),
);
