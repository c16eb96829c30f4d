import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { frame } from "../../daemon/wire/framing.ts";
import { checkLeaks } from "../support/leaks.ts";
import { waitFor } from "../support/waitFor.ts";
import { kill, testStateFolder, type TestFolder } from "./frontClient.ts";

describe("front: slow ends", () => {
  checkLeaks();
  let folder: TestFolder;
  beforeEach(() => {
    folder = testStateFolder();
  });
  afterEach(() => folder.clear());

  const megabyte = 1024 * 1024;
  /** The most memory that a process has ever held, in bytes. */
  const peakMemory = (pid: number) =>
    Number(/VmHWM:\s+(\d+) kB/.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1]) * 1024;

  /** Resolves when the figure has stopped growing: the same many times in a row. */
  async function standsStill(figure: () => number | Promise<number>): Promise<number> {
    let last = -1;
    let same = 0;
    await waitFor(async () => {
      const now = await figure();
      same = now === last ? same + 1 : 0;
      last = now;
      return same === 20;
    }, "the flow to stop");
    return last;
  }

  it("holds the core back while nobody reads stdout, in bounded memory, and loses nothing", async () => {
    const other = folder.client();
    await other.open();
    const client = folder.client();
    await client.open();
    const before = peakMemory(client.pid);
    client.stdout.pause();
    const count = 60_000;
    const text = "x".repeat(2000);
    const flooded = client.ask("flood", { count, text });
    const written = async () => ((await other.ask("written")).result as number[])[1] ?? 0;
    await waitFor(async () => (await written()) > 0, "the flood");
    const stalledAt = await standsStill(written);
    assert.ok(stalledAt < 10 * megabyte, `the core could write ${stalledAt} bytes`);
    const grown = peakMemory(client.pid) - before;
    assert.ok(grown < 20 * megabyte, `the front took ${grown} bytes`);
    client.stdout.resume();
    assert.equal((await flooded).error, undefined);
    const events = client.received.filter(({ method }) => method === "subAgent/event");
    assert.equal(events.length, count);
  });

  it("holds the client back while the core does not read, in bounded memory, and loses nothing", async () => {
    const client = folder.client();
    const core = await client.open();
    const before = peakMemory(client.pid);
    kill(core, "SIGSTOP");
    const count = 20_000;
    const body = frame(JSON.stringify({ jsonrpc: "2.0", method: "x", params: "x".repeat(2000) }));
    for (let n = 0; n < count; n += 1) client.stdin.write(body);
    const waiting = await standsStill(() => client.stdin.writableLength);
    assert.ok(waiting > 0.5 * count * body.length, `only ${waiting} bytes wait`);
    const grown = peakMemory(client.pid) - before;
    assert.ok(grown < 20 * megabyte, `the front took ${grown} bytes`);
    kill(core, "SIGCONT");
    const { result } = await client.ask("told");
    assert.equal((result as unknown[]).length, count + 1);
  });
});
