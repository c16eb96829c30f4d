import { deepEqual, equal, match, ok } from "node:assert/strict";
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

describe("cancelling", () => {
  checkLeaks();
  let daemon: TestDaemon;
  let client: TestClient;
  before(async () => {
    daemon = startDaemon({ concurrency: { total: 8, perRoot: 8 } });
    client = await daemon.client();
  });
  after(() => daemon.stop());

  const byUser = ["cancelled", "aborted", "Cancelled by user"];
  const byParent = ["cancelled", "aborted", "Cancelled by parent"];
  const beforeStart = ["cancelled", "aborted", "Cancelled before start"];

  /** A session that runs until it is ended; its children are spawned by the test. */
  async function running(parentId?: string, agentCommand = "sleep 1000"): Promise<string> {
    const id = await client.shell(agentCommand, parentId === undefined ? {} : { parentId });
    await until(client, id, "running");
    return id;
  }

  function cancel(sessionId: string, reason?: string) {
    return client.call("session/cancel", { sessionId, ...(reason && { reason }) });
  }

  it("ends a running session by its user, with the reason, and all its processes", async () => {
    const id = await running(undefined, "trap '' TERM; setsid sleep 1000 & sleep 1000");
    const { runId } = await until(client, id, "running");
    ok(processesOf(runId).length > 0);
    deepEqual(await cancel(id, "no longer needed"), {});
    const completion = await client.completion(id);
    deepEqual(outcome(completion), byUser);
    equal(completion.reason, "no longer needed");
    deepEqual(processesOf(runId), []);
    equal((await sessionOf(client, id)).status, "cancelled");
  });

  it("is idempotent, also for what has ended", async () => {
    const id = await running();
    await Promise.all([cancel(id), cancel(id), cancel(id)]);
    await client.completion(id);
    const { version } = await sessionOf(client, id);
    deepEqual(await cancel(id), {});
    const after = await sessionOf(client, id);
    deepEqual([after.status, after.version], ["cancelled", version]);
    const done = await client.shell("true");
    await client.completion(done);
    deepEqual(await cancel(done), {});
    equal((await sessionOf(client, done)).status, "completed");
    equal(words(client, done).filter((word) => word === "completed").length, 1);
  });

  it("ends what is created or queued before it starts", async () => {
    const created = await client.shell("true", { autoRun: false });
    await cancel(created, "changed my mind");
    const completion = await client.completion(created);
    deepEqual(outcome(completion), beforeStart);
    equal(completion.reason, "changed my mind");
    deepEqual(words(client, created), ["completed"]);
    equal("startedAt" in (await sessionOf(client, created)), false);
  });

  it("ends a run that is just starting, in one of the two ways", async () => {
    const ids = await Promise.all(
      Array.from({ length: 8 }, async () => {
        const id = await client.shell("sleep 1000");
        await cancel(id);
        return id;
      }),
    );
    for (const id of ids) {
      const said = words(client, id);
      const completion = await client.completion(id);
      const wasStarted = words(client, id).includes("started");
      deepEqual(outcome(completion), wasStarted ? byUser : beforeStart, said.join());
      deepEqual(processesOf(completion.runId), []);
    }
  });

  it("ends exactly the subtree, children first, and leaves siblings alone", async () => {
    const top = await running();
    const child = await running(top);
    const grandchild = await running(child);
    const waiting = await client.shell("true", { parentId: child, autoRun: false });
    const sibling = await running(top);
    await cancel(child);
    await client.completion(child);
    deepEqual(outcome(await client.completion(child)), byUser);
    deepEqual(outcome(await client.completion(grandchild)), byParent);
    deepEqual(outcome(await client.completion(waiting)), beforeStart);
    const order = endedInOrder(client);
    ok(order.indexOf(grandchild) < order.indexOf(child));
    ok(order.indexOf(waiting) < order.indexOf(child));
    equal((await sessionOf(client, top)).status, "running");
    equal((await sessionOf(client, sibling)).status, "running");
    await cancel(top);
    await client.completion(top);
    deepEqual(outcome(await client.completion(sibling)), byParent);
  });

  it("ends everything below a root, which itself goes on", async () => {
    const { session: root } = await client.call("session/create", { cwd: daemon.work });
    const ids = await Promise.all([running(root.id), running(root.id)]);
    await cancel(root.id);
    for (const id of ids) deepEqual(outcome(await client.completion(id)), byParent);
    equal((await sessionOf(client, root.id)).status, "created");
    deepEqual(words(client, root.id), [], "a root has no run that could complete");
    const id = await client.shell("echo still here", { parentId: root.id });
    equal((await client.completion(id)).status, "completed");
  });

  it("names the parent where the parent's own run asks", async () => {
    const parent = await running();
    const child = await running(parent);
    const { runId } = await until(client, parent, "running");
    const inside = await daemon.client({
      subscribe: "nothing",
      run: { sessionId: parent, runId },
    });
    await inside.call("session/cancel", { sessionId: child });
    deepEqual(outcome(await client.completion(child)), byParent);
    const stranger = await running();
    const others = [
      inside.call("session/cancel", { sessionId: stranger }),
      inside.call("session/delete", { sessionId: stranger }),
      inside.call("session/pause", { sessionId: stranger }),
      inside.call("daemon/prune", {}),
      inside.call("daemon/stop", {}),
    ];
    for (const one of await Promise.allSettled(others)) {
      ok(one.status === "rejected");
      match(one.reason.message, /only to the sub-agents below it/);
    }
    await inside.call("session/cancel", { sessionId: parent });
    deepEqual(outcome(await client.completion(parent)), byUser, "nobody is its own parent");
    await inside.close();
  });

  it("comes too late for what has ended by itself", async () => {
    // Its leftover ignores TERM, so that the run takes a while to end after its program has.
    const id = await client.shell("setsid sh -c \"trap '' TERM; sleep 1000\" & echo done");
    await waitFor(() => words(client, id).includes("note"), "the note about its leftover");
    await cancel(id);
    const completion = await client.completion(id);
    deepEqual(outcome(completion), ["completed"]);
    equal(completion.result, "done\n");
    deepEqual(processesOf(completion.runId), []);
  });

  it("takes no new children below what is being ended", async () => {
    const held = gate(daemon.work);
    const parent = await running(undefined, `trap '' TERM; ${held.wait}`);
    const { runId } = await until(client, parent, "running");
    await cancel(parent);
    const refused = await refusal(client.shell("true", { parentId: parent }));
    deepEqual([refused.code, refused.data], [1003, { kind: "invalidState", status: "running" }]);
    await client.completion(parent);
    deepEqual(processesOf(runId), []);
  });

  it("refuses what it does not know", async () => {
    equal((await refusal(cancel("nobody"))).code, 1001);
  });
});
