import { deepEqual, equal, ok } from "node:assert/strict";
import { startDaemon, type TestClient, type TestDaemon } from "../support/daemon.ts";
import { checkLeaks } from "../support/leaks.ts";
import {
  endedInOrder,
  gate,
  outcome,
  processesOf,
  refusal,
  sessionOf,
  until,
  words,
} from "../support/runs.ts";
import { waitFor } from "../support/waitFor.ts";

describe("deleting", () => {
  checkLeaks();
  let daemon: TestDaemon;
  let client: TestClient;
  before(async () => {
    daemon = startDaemon({ concurrency: { total: 8, perRoot: 8 } });
    client = await daemon.client();
  });
  after(() => daemon.stop());

  const remove = (sessionId: string) => client.call("session/delete", { sessionId });
  const deletedWhileRunning = ["cancelled", "aborted", "Child session deleted while running"];

  async function restarted(): Promise<void> {
    await client.close();
    await daemon.stopCore();
    client = await daemon.client();
  }

  async function isGone(sessionId: string): Promise<void> {
    equal((await refusal(client.call("session/get", { sessionId }))).code, 1001);
    equal((await refusal(client.call("session/events", { sessionId }))).code, 1001);
    const { sessions } = await client.call("session/list", { limit: 1000 });
    ok(!sessions.some(({ id }) => id === sessionId));
  }

  it("ends a live subtree first, children first, and then removes it", async () => {
    const { session: root } = await client.call("session/create", { cwd: daemon.work });
    const top = await client.shell("sleep 1000", { parentId: root.id });
    const child = await client.shell("trap '' TERM; sleep 1000 & sleep 1000", { parentId: top });
    const done = await client.shell("true", { parentId: child });
    const sibling = await client.shell("sleep 1000", { parentId: root.id });
    await client.completion(done);
    const runIds: string[] = [];
    for (const id of [top, child]) runIds.push((await until(client, id, "running")).runId);
    deepEqual(await remove(top), { deleted: 3 });
    deepEqual(outcome(await client.completion(top)), deletedWhileRunning);
    deepEqual(outcome(await client.completion(child)), deletedWhileRunning);
    deepEqual(endedInOrder(client).slice(-2), [child, top]);
    for (const runId of runIds) deepEqual(processesOf(runId), []);
    const removed = await waitFor(() => client.of("session/removed").at(-1), "session/removed");
    deepEqual(new Set(removed.sessionIds), new Set([top, child, done]));
    for (const id of [top, child, done]) await isGone(id);
    await until(client, sibling, "running");
    const order = client.received.map(({ method }) => method);
    ok(order.lastIndexOf("subAgent/completed") < order.lastIndexOf("session/removed"));
    await client.call("session/cancel", { sessionId: sibling });
    await client.completion(sibling);
  });

  it("says nothing of a session after it is gone", async () => {
    const id = await client.shell("while :; do echo talking; sleep 0.01; done");
    await waitFor(() => words(client, id).includes("output"), "its first words");
    await remove(id);
    const count = client.received.length;
    await client.completion(await client.shell("true"));
    const later = client.received
      .slice(count)
      .filter(({ params }) => JSON.stringify(params).includes(id));
    deepEqual(
      later.filter(({ method }) => method !== "session/removed"),
      [],
    );
  });

  it("answers whoever waits", async () => {
    const id = await client.shell("sleep 1000");
    await until(client, id, "running");
    const waiting = client.call("session/wait", { sessionIds: [id] });
    await remove(id);
    const { completions, pending } = await waiting;
    deepEqual(completions.map(outcome), [deletedWhileRunning]);
    deepEqual(pending, []);
  });

  it("removes what never ran, and whole trees with their root", async () => {
    const { session: root } = await client.call("session/create", { cwd: daemon.work });
    const created = await client.shell("true", { parentId: root.id, autoRun: false });
    const done = await client.shell("echo x", { parentId: root.id });
    await client.completion(done);
    deepEqual(await remove(root.id), { deleted: 3 });
    for (const id of [root.id, created, done]) await isGone(id);
    equal((await refusal(remove(root.id))).code, 1001);
  });

  it("lets nothing begin at or below what is being deleted", async () => {
    const held = gate(daemon.work);
    const top = await client.shell("echo x");
    await client.completion(top);
    const child = await client.shell(`trap '' TERM; ${held.wait}`, { parentId: top });
    await held.reached();
    const removing = remove(top);
    const refused = await Promise.all([
      refusal(client.shell("true", { parentId: top })),
      refusal(client.shell("true", { parentId: child })),
      refusal(client.call("session/send", { sessionId: top, text: "again" })),
      refusal(client.call("session/run", { sessionId: top })),
    ]);
    deepEqual(
      refused.map(({ code }) => code),
      [1003, 1003, 1003, 1003],
    );
    deepEqual(await removing, { deleted: 2 });
    await isGone(top);
    const { running, queued, suspended } = await client.call("daemon/status", {});
    deepEqual([running, queued, suspended], [0, 0, 0]);
  });

  it("leaves the messages behind that wait in a deleted session", async () => {
    const held = gate(daemon.work);
    const id = await client.shell(held.wait);
    await held.reached();
    await client.call("session/send", { sessionId: id, text: "sleep 1000" });
    await remove(id);
    await isGone(id);
    equal((await client.call("daemon/status", {})).queued, 0);
    equal(words(client, id).filter((word) => word === "completed").length, 1);
  });

  it("of a whole tree gives what is spawned in its folder meanwhile another root", async () => {
    const held = gate(daemon.work);
    const old = await client.shell(`trap '' TERM; ${held.wait}`);
    await held.reached();
    const { rootId } = await sessionOf(client, old);
    const removing = remove(rootId);
    const ids = await Promise.all([client.shell("echo 1"), client.shell("echo 2")]);
    for (const id of ids) equal((await client.completion(id)).status, "completed");
    await removing;
    const last = await client.shell("echo 3");
    await client.completion(last);
    const roots = new Set<string>();
    for (const id of [...ids, last]) roots.add((await sessionOf(client, id)).rootId);
    equal(roots.size, 1, "one folder has one root");
    ok(!roots.has(rootId));
    await restarted();
    await isGone(rootId);
    equal((await sessionOf(client, ids[0] ?? "")).status, "completed");
  });

  it("is not undone by a change that comes meanwhile", async () => {
    const changes: Record<string, (sessionId: string) => Promise<unknown>> = {
      rename: (sessionId) => client.call("session/rename", { sessionId, title: "back" }),
      cancel: (sessionId) => client.call("session/cancel", { sessionId }),
      send: (sessionId) => client.call("session/send", { sessionId, text: "true" }),
    };
    for (const [name, change] of Object.entries(changes)) {
      const id = await client.shell("seq 400");
      const child = await client.shell("seq 400", { parentId: id });
      await client.completion(id);
      await client.completion(child);
      const ids = [id, child, id, child];
      const earlier = ids.map(change);
      const removing = remove(id);
      await Promise.allSettled([...earlier, ...ids.map(change)]);
      await removing;
      await restarted();
      for (const gone of [id, child]) await isGone(gone);
      equal((await client.call("daemon/status", {})).health, "ok", name);
    }
  });

  it("is possible twice at once", async () => {
    const id = await client.shell("sleep 1000");
    await until(client, id, "running");
    const answers = await Promise.allSettled([remove(id), remove(id)]);
    equal(answers[0].status, "fulfilled");
    await isGone(id);
    equal(words(client, id).filter((word) => word === "completed").length, 1);
  });
});
