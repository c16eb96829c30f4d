import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { text as readAll } from "node:stream/consumers";
import { systemClock } from "../../daemon/base/clock.ts";
import { openStore } from "../../daemon/store/openStore.ts";
import { checkLeaks } from "../support/leaks.ts";
import { inFolder } from "../support/storeFixtures.ts";
import { logInto, seededRandom } from "../support/storeRecords.ts";

const writer = join(import.meta.dirname, "../support/storeWriter.ts");
const sessionCount = 20;
const kills = 20;
const seed = Number(process.env["SEED"] ?? 20_260_101);

/** Starts the writer, kills it after so many acknowledged mutations, and answers with their lines. */
async function writeUntilKilled(file: string, mutations: number): Promise<string[]> {
  const child = spawn(process.execPath, [writer, file, String(sessionCount)], {
    stdio: ["ignore", "pipe", "pipe"],
  });
  const exited = once(child, "exit");
  const complaints = readAll(child.stderr);
  const lines: string[] = [];
  for await (const line of createInterface(child.stdout)) {
    lines.push(line);
    if (lines.length === mutations) child.kill("SIGKILL");
  }
  await exited;
  assert.equal(child.signalCode, "SIGKILL", await complaints);
  return lines.filter((line) => line !== "open");
}

/** Every mutation that is there at all is there with all of its rows. */
async function checkStored(file: string, acknowledged: Map<string, number>): Promise<void> {
  const store = await openStore({ uri: `sqlite://${file}`, log: logInto([]), clock: systemClock });
  assert.equal(store.setAside, undefined);
  const { sessions, unreadable } = await store.loadHeaders();
  assert.deepEqual(unreadable, []);
  for (const { session } of sessions) {
    const last = session.lastSeq;
    assert.ok(last >= (acknowledged.get(session.id) ?? 0), `${session.id}: lost after ${last}`);
    assert.equal(await store.lastEventSeq(session.id), last);
    const events = await store.events(session.id, 0, last + 1);
    assert.deepEqual(
      events.map(({ seq }) => seq),
      Array.from({ length: last }, (_, n) => n + 1),
    );
    const messages = await store.messages(session.id, 0, 3 * last + 1);
    assert.deepEqual(
      messages.map(({ n }) => n),
      Array.from({ length: 3 * last }, (_, n) => n + 1),
    );
  }
  const stored = new Set(sessions.map(({ session }) => session.id));
  for (const id of acknowledged.keys()) assert.ok(stored.has(id), `${id} is not stored`);
  await store.close();
}

describe("store whose process is killed", () => {
  checkLeaks();

  it(`loses no acknowledged write and splits none, ${kills} times (SEED=${seed})`, async () => {
    const random = seededRandom(seed);
    await inFolder(async (file) => {
      const acknowledged = new Map<string, number>();
      for (let round = 0; round < kills; round += 1) {
        for (const line of await writeUntilKilled(file, 2 + Math.floor(random() * 500))) {
          const [id, number] = line.split(" ");
          assert.ok(id !== undefined && number !== undefined, line);
          assert.equal(Number(number) > (acknowledged.get(id) ?? 0), true, line);
          acknowledged.set(id, Number(number));
        }
        await checkStored(file, acknowledged);
      }
      assert.equal(acknowledged.size, sessionCount);
    });
  });
});
