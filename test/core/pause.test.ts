import { deepEqual, equal } from "node:assert/strict";
import { startDaemon, type TestClient, type TestDaemon } from "../support/daemon.ts";
import { checkLeaks } from "../support/leaks.ts";
import { endedInOrder, gate, outcome, refusal, sessionOf, until, words } from "../support/runs.ts";

/** One slot in all, so that whatever comes second is queued. */
describe("one slot", () => {
  checkLeaks();
  let daemon: TestDaemon;
  let client: TestClient;
  before(async () => {
    daemon = startDaemon({ concurrency: { total: 1, perRoot: 1 } });
    client = await daemon.client();
  });
  after(() => daemon.stop());

  /** Takes the slot until it is let go of. */
  async function busy(command = "") {
    const held = gate(daemon.work);
    const id = await client.shell(`${command}${held.wait}`);
    await held.reached();
    return {
      id,
      async end() {
        held.open();
        await client.completion(id);
      },
    };
  }

  const pause = (sessionId: string, tree = false) =>
    client.call("session/pause", { sessionId, ...(tree && { tree }) });
  const resume = (sessionId: string, tree = false) =>
    client.call("session/resume", { sessionId, ...(tree && { tree }) });

  async function positions(ids: string[]): Promise<(number | undefined)[]> {
    const sessions = await Promise.all(ids.map((id) => sessionOf(client, id)));
    return sessions.map((session) => (session.status === "queued" ? session.position : undefined));
  }

  it("pauses what is queued at once, and queues it again at the end of the queue", async () => {
    const first = await busy();
    const a = await client.shell("echo a");
    const b = await client.shell("echo b");
    deepEqual(await pause(a), {});
    const paused = await until(client, a, "paused");
    equal(paused.attempt, 1);
    deepEqual(await positions([a, b]), [undefined, 1]);
    deepEqual(await resume(a), {});
    equal((await until(client, a, "queued")).runId, paused.runId, "it is the same run");
    deepEqual(await positions([a, b]), [2, 1]);
    await first.end();
    await client.completion(a);
    deepEqual(endedInOrder(client).slice(-3), [first.id, b, a]);
    equal(words(client, a).filter((word) => word === "started").length, 1);
  });

  it("never runs what is paused, and never calls it an end", async () => {
    const first = await busy();
    const a = await client.shell("echo a");
    const b = await client.shell("echo b");
    await pause(a);
    await first.end();
    await client.completion(b);
    equal((await sessionOf(client, a)).status, "paused");
    deepEqual(words(client, a), []);
    const { pending, timedOut } = await client.call("session/wait", {
      sessionIds: [a, b],
      timeoutMs: 0,
    });
    deepEqual([pending, timedOut], [[a], true]);
    await client.call("session/cancel", { sessionId: a });
    deepEqual(outcome(await client.completion(a)), [
      "cancelled",
      "aborted",
      "Cancelled before start",
    ]);
    deepEqual(words(client, a), ["completed"]);
  });

  it("refuses to pause a program that runs, and what is not queued", async () => {
    const first = await busy();
    const live = await refusal(pause(first.id));
    deepEqual([live.code, live.data], [1003, { kind: "invalidState", status: "running" }]);
    await first.end();
    for (const act of [pause, resume]) {
      const ended = await refusal(act(first.id));
      deepEqual([ended.code, ended.data], [1003, { kind: "invalidState", status: "completed" }]);
    }
    const created = await client.shell("true", { autoRun: false });
    equal((await refusal(pause(created))).code, 1003);
    equal((await refusal(pause("nobody"))).code, 1001);
    equal((await refusal(resume("nobody"))).code, 1001);
    const { session: root } = await client.call("session/create", { cwd: daemon.work });
    equal((await refusal(pause(root.id))).code, 1011);
  });

  it("pauses and resumes a whole tree, as far as it is queued, and nothing beside it", async () => {
    const first = await busy();
    const top = await client.shell("true", { autoRun: false });
    const below = await Promise.all(
      ["a", "b"].map((name) => client.shell(`echo ${name}`, { parentId: top })),
    );
    const beside = await client.shell("echo beside");
    await pause(top, true);
    const states = async () =>
      (await Promise.all([top, ...below, beside].map((id) => sessionOf(client, id)))).map(
        ({ status }) => status,
      );
    deepEqual(await states(), ["created", "paused", "paused", "queued"]);
    await resume(top, true);
    deepEqual(await states(), ["created", "queued", "queued", "queued"]);
    deepEqual(await positions([beside, ...below]), [1, 2, 3]);
    await pause((await sessionOf(client, top)).rootId, true);
    deepEqual(await states(), ["created", "paused", "paused", "paused"]);
    equal((await sessionOf(client, first.id)).status, "running");
    await resume((await sessionOf(client, top)).rootId, true);
    await first.end();
    for (const id of [...below, beside]) {
      equal((await client.completion(id)).status, "completed");
    }
  });

  it("cancels what is queued before it starts, and it never starts", async () => {
    const first = await busy();
    const id = await client.shell("true");
    await client.call("session/cancel", { sessionId: id, reason: "not needed" });
    const completion = await client.completion(id);
    deepEqual(outcome(completion), ["cancelled", "aborted", "Cancelled before start"]);
    equal(completion.reason, "not needed");
    await first.end();
    deepEqual(words(client, id), ["completed"]);
  });

  it("ends the children of a queued session before the session itself", async () => {
    const parent = await client.shell("true");
    await client.completion(parent);
    const held = gate(daemon.work);
    const child = await client.shell(`trap '' TERM; ${held.wait}`, { parentId: parent });
    await held.reached();
    await client.call("session/send", { sessionId: parent, text: "true" });
    equal((await sessionOf(client, parent)).status, "queued");
    await client.call("session/cancel", { sessionId: parent });
    equal((await refusal(client.shell("true", { parentId: parent }))).code, 1003);
    deepEqual(outcome(await client.completion(parent, 2)), [
      "cancelled",
      "aborted",
      "Cancelled before start",
    ]);
    deepEqual(outcome(await client.completion(child)), [
      "cancelled",
      "aborted",
      "Cancelled by parent",
    ]);
    deepEqual(endedInOrder(client).slice(-2), [child, parent]);
  });

  it("runs a higher priority first, and shows the place of each as it is now", async () => {
    const first = await busy();
    const normal = await client.shell("true");
    const low = await client.shell("true", { priority: -1 });
    const high = await client.shell("true", { priority: 10 });
    const later = await client.shell("true", { priority: 10 });
    deepEqual(await positions([high, later, normal, low]), [1, 2, 3, 4]);
    const { sessions } = await client.call("session/list", { status: ["queued"] });
    const listed = new Map(
      sessions.map((session) => [session.id, "position" in session && session.position]),
    );
    deepEqual(
      [high, later, normal, low].map((id) => listed.get(id)),
      [1, 2, 3, 4],
    );
    await client.call("session/cancel", { sessionId: later });
    await client.completion(later);
    deepEqual(await positions([high, normal, low]), [1, 2, 3]);
    await first.end();
    await client.completion(low);
    deepEqual(endedInOrder(client).slice(-4), [first.id, high, normal, low]);
  });

  it("says how many run and wait", async () => {
    const first = await busy();
    const ids = await Promise.all([client.shell("true"), client.shell("true")]);
    const { running, queued, suspended } = await client.call("daemon/status", {});
    deepEqual({ running, queued, suspended }, { running: 1, queued: 2, suspended: 0 });
    await first.end();
    await Promise.all(ids.map((id) => client.completion(id)));
  });
});
