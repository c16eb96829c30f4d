import { deepEqual, equal, ok } from "node:assert/strict";
import { startDaemon, type TestClient, type TestDaemon } from "../support/daemon.ts";
import { checkLeaks } from "../support/leaks.ts";
import { gate, sessionOf, until } from "../support/runs.ts";
import { waitFor } from "../support/waitFor.ts";

describe("pruning", () => {
  checkLeaks();
  let daemon: TestDaemon;
  let client: TestClient;
  before(async () => {
    daemon = startDaemon({ concurrency: { total: 4, perRoot: 4 } });
    client = await daemon.client();
  });
  afterEach(async () => {
    for (const sessionId of await ids()) await client.call("session/delete", { sessionId });
  });
  after(() => daemon.stop());

  async function ended(command: string, parentId?: string): Promise<string> {
    const id = await client.shell(command, parentId === undefined ? {} : { parentId });
    await client.completion(id);
    return id;
  }

  async function ids(): Promise<string[]> {
    const { sessions } = await client.call("session/list", { limit: 1000 });
    return sessions.filter(({ kind }) => kind === "child").map(({ id }) => id);
  }

  it("by age removes what ended long enough ago, whole subtrees only, and says so", async () => {
    const held = gate(daemon.work);
    const old = await ended("echo old");
    const parent = await ended("echo parent");
    const live = await client.shell(held.wait, { parentId: parent });
    await held.reached();
    const created = await client.shell("true", { autoRun: false });
    const { updatedAt } = await sessionOf(client, old);
    await waitFor(() => Date.now() - updatedAt > 300, "the old session to be older");
    const young = await ended("echo young");
    const age = Date.now() - (await sessionOf(client, young)).updatedAt + 100;
    const { deleted, storeBytes } = await client.call("daemon/prune", { maxAgeMs: age });
    equal(deleted, 1);
    ok(storeBytes > 0);
    deepEqual(client.of("session/removed").at(-1)?.sessionIds, [old]);
    deepEqual(await ids(), [young, created, live, parent]);
    held.open();
    await client.completion(live);
    equal((await client.call("daemon/prune", { maxAgeMs: 0 })).deleted, 3);
    deepEqual(await ids(), [created]);
  });

  it("by size removes the oldest until the store is small enough", async () => {
    const big = "head -c 300000 /dev/zero | tr '\\0' x";
    const all: string[] = [];
    for (let n = 0; n < 30; n += 1) all.push(await ended(big));
    const { storeBytes } = await client.call("daemon/status", {});
    const maxBytes = Math.floor(storeBytes * 0.6);
    const pruned = await client.call("daemon/prune", { maxBytes });
    ok(pruned.storeBytes <= maxBytes, `${pruned.storeBytes} of ${maxBytes}`);
    ok(pruned.deleted >= 10 && pruned.deleted < 30, `${pruned.deleted} deleted`);
    const left = await ids();
    deepEqual(left, all.slice(pruned.deleted).reverse(), "the youngest are left");
  });

  it("forgets the completions of what is gone, and goes on counting", async () => {
    for (let n = 0; n < 2; n += 1) await ended("echo gone");
    const newest = (await client.completion(await ended("echo gone"))).completionSeq;
    const { sessions } = await client.call("session/list", {});
    const roots = sessions.filter(({ kind }) => kind === "root");
    await client.call("daemon/prune", { maxAgeMs: 0 });
    const left = await client.call("session/list", {});
    deepEqual(
      left.sessions.map((session) => session.id),
      roots.map((session) => session.id),
      "a root belongs to somebody else, and is kept while there was something below it",
    );
    const id = await ended("echo next");
    equal((await client.completion(id)).completionSeq, newest + 1);
    const other = await daemon.client({ subscribe: "nothing" });
    await other.call("tree/subscribe", { afterCompletion: 0 });
    await other.completion(id);
    deepEqual(
      other.of("subAgent/completed").map(({ completionSeq }) => completionSeq),
      [newest, newest + 1],
      "of what is gone only the newest number is kept",
    );
  });

  it("happens by itself where the configuration asks for it", async () => {
    const id = await ended("echo old");
    await client.close();
    daemon.configure({ retention: { maxAgeMs: 1 } });
    await daemon.stopCore();
    client = await daemon.client();
    await waitFor(async () => !(await ids()).includes(id), "it to be pruned at the next start");
  });

  it("never touches what is live", async () => {
    const held = gate(daemon.work);
    const id = await client.shell(held.wait);
    await held.reached();
    equal((await client.call("daemon/prune", { maxAgeMs: 0, maxBytes: 0 })).deleted, 0);
    await until(client, id, "running");
    held.open();
    await client.completion(id);
  });
});
