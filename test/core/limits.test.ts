import { deepEqual, equal, ok } from "node:assert/strict";
import { startDaemon, type TestClient, type TestDaemon } from "../support/daemon.ts";
import { checkLeaks } from "../support/leaks.ts";
import { endedInOrder, gate, outcome, refusal, sessionOf, until, words } from "../support/runs.ts";
import { waitFor } from "../support/waitFor.ts";

describe("limits", () => {
  checkLeaks();
  let daemon: TestDaemon;
  let client: TestClient;
  before(async () => {
    daemon = startDaemon({
      concurrency: { total: 2, perRoot: 2 },
      queue: { perRoot: 5, total: 8 },
      limits: { maxDepth: 3, maxChildren: 3 },
      watchdog: { checkMs: 20 },
      cancel: { termAfterMs: 100, killAfterMs: 3_000 },
    });
    client = await daemon.client();
  });
  after(() => daemon.stop());

  const created = (parentId: string) =>
    client.shell("true", { parentId, autoRun: false, title: `below ${parentId}` });

  it("of depth are counted from the root", async () => {
    let id = await client.shell("true", { autoRun: false });
    for (const depth of [2, 3]) {
      id = await created(id);
      equal((await sessionOf(client, id)).depth, depth);
    }
    const refused = await refusal(created(id));
    deepEqual(
      [refused.code, refused.data],
      [1004, { kind: "limitExceeded", limit: "maxDepth", max: 3, current: 4 }],
    );
    const flat = await client.shell("true", { autoRun: false, limits: { maxDepth: 1 } });
    deepEqual((await refusal(created(flat))).data, {
      kind: "limitExceeded",
      limit: "maxDepth",
      max: 1,
      current: 2,
    });
  });

  it("of children count all that there ever were, also those that were deleted", async () => {
    const parent = await client.shell("true", { autoRun: false });
    const children = await Promise.all([created(parent), created(parent)]);
    await client.call("session/delete", { sessionId: children[0] ?? "" });
    await created(parent);
    const refused = await refusal(created(parent));
    deepEqual(
      [refused.code, refused.data],
      [1004, { kind: "limitExceeded", limit: "maxChildren", max: 3, current: 3 }],
    );
    const few = await client.shell("true", { autoRun: false, limits: { maxChildren: 0 } });
    equal((await refusal(created(few))).code, 1004);
  });

  it("of children do not bind roots, and hold when many are asked for at once", async () => {
    const { session: root } = await client.call("session/create", { cwd: daemon.work });
    await Promise.all(Array.from({ length: 5 }, () => created(root.id)));
    const parent = await created(root.id);
    const all = await Promise.allSettled(Array.from({ length: 10 }, () => created(parent)));
    equal(all.filter(({ status }) => status === "fulfilled").length, 3);
  });

  it("of a child are cut to those of its parent", async () => {
    const limits = { timeoutMs: 60_000, maxTokens: 1000, maxTurns: 7 };
    const parent = await client.shell("true", { autoRun: false, limits });
    const child = await client.shell("true", {
      parentId: parent,
      autoRun: false,
      limits: { timeoutMs: 600_000, maxTokens: 10, maxTurns: 100 },
    });
    const { limits: cut } = await sessionOf(client, child);
    deepEqual(
      { timeoutMs: cut.timeoutMs, maxTokens: cut.maxTokens, maxTurns: cut.maxTurns },
      { timeoutMs: 60_000, maxTokens: 10, maxTurns: 7 },
    );
  });

  it("of the queue hold per root and in all, however fast it is filled, and lose nothing", async () => {
    const held = gate(daemon.work);
    const roots = await Promise.all(
      [1, 2].map(
        async () => (await client.call("session/create", { cwd: daemon.work })).session.id,
      ),
    );
    const [one = "", other = ""] = roots;
    const busy = [await client.shell(held.wait), await client.shell(held.wait)];
    await held.reached(2);
    const spawns = (parentId: string) =>
      Promise.allSettled(Array.from({ length: 12 }, () => client.shell("true", { parentId })));
    const first = await spawns(one);
    const accepted = first.flatMap((spawn) => (spawn.status === "fulfilled" ? [spawn.value] : []));
    equal(accepted.length, 5);
    const refused = await refusal(client.shell("true", { parentId: one }));
    deepEqual(
      [refused.code, refused.data],
      [1007, { kind: "overloaded", queued: 5, max: 5, retryAfterMs: 1000 }],
    );
    const second = await spawns(other);
    accepted.push(...second.flatMap((s) => (s.status === "fulfilled" ? [s.value] : [])));
    equal(accepted.length, 8);
    deepEqual((await refusal(client.shell("true", { parentId: other }))).data, {
      kind: "overloaded",
      queued: 8,
      max: 8,
      retryAfterMs: 1000,
    });
    equal((await client.call("daemon/status", {})).queued, 8);
    // A session that cannot be queued stays as it was.
    const waiting = await client.shell("true", { parentId: other, autoRun: false });
    equal((await refusal(client.call("session/run", { sessionId: waiting }))).code, 1007);
    equal((await sessionOf(client, waiting)).status, "created");
    held.open();
    for (const id of [...busy, ...accepted]) {
      equal((await client.completion(id)).status, "completed");
    }
  });

  it("of time end a run with a time-out, and what it started with it", async () => {
    const endless = "while :; do echo x; sleep 0.05; done";
    const id = await client.shell(endless, { limits: { timeoutMs: 3_000 } });
    // The child may take as long as its parent, which is over before.
    const { startedAt } = await until(client, id, "running");
    await waitFor(() => Date.now() - startedAt > 1_000, "a third of the time to pass");
    await client.shell("sleep 1000", { parentId: id });
    const completion = await client.completion(id);
    deepEqual(outcome(completion), [
      "timeout",
      "aborted",
      "Child session timed out after 3 seconds (max_total_secs=3)",
    ]);
    const { sessions } = await client.call("session/list", { parentId: id });
    const child = await client.completion(sessions[0]?.id ?? "");
    equal(child.error?.message, "Cancelled by parent");
    ok(endedInOrder(client).indexOf(child.childSessionId) < endedInOrder(client).indexOf(id));
  });

  it("of idle time end a run without events, and no other", async () => {
    const limits = { idleTimeoutMs: 2_000 };
    const silent = await client.shell("echo once; sleep 1000", { limits });
    const talking = await client.shell("for i in $(seq 25); do echo $i; sleep 0.1; done", {
      limits,
    });
    deepEqual(outcome(await client.completion(silent)), [
      "timeout",
      "aborted",
      "Child session idle timeout after 2 seconds without events (max_idle_secs=2)",
    ]);
    equal((await client.completion(silent)).result, "once\n", "what was said is kept");
    equal((await client.completion(talking)).status, "completed");
  });

  it("let a time-out win over a cancel that came before it", async () => {
    // It ignores TERM, so its time is over before it is killed.
    const deaf = gate(daemon.work);
    const id = await client.shell(`trap '' TERM; ${deaf.wait}`, { limits: { timeoutMs: 2_000 } });
    await deaf.reached();
    await client.call("session/cancel", { sessionId: id });
    equal((await client.completion(id)).status, "timeout");
  });

  it("only warn of a run that has stalled, until it moves again", async () => {
    daemon.configure({ stalledMs: 250, watchdog: { checkMs: 20 } });
    const [held, moved] = [gate(daemon.work), gate(daemon.work)];
    const id = await client.shell(`${held.wait}; echo moving; ${moved.wait}`);
    await waitFor(async () => {
      const session = await sessionOf(client, id);
      return session.status === "running" && session.stalled;
    }, "it to be shown as stalled");
    const beats = () => client.of("subAgent/heartbeat").filter((b) => b.childSessionId === id);
    await waitFor(() => beats().some(({ stalled }) => stalled), "a heartbeat that says so");
    held.open();
    const shown = () =>
      client
        .of("session/changed")
        .flatMap(({ session }) =>
          session.id === id && session.status === "running" ? [session.stalled] : [],
        );
    await waitFor(() => shown().length >= 3, "another word about it");
    deepEqual(shown().slice(0, 3), [false, true, false]);
    moved.open();
    equal((await client.completion(id)).status, "completed");
    equal(words(client, id).filter((word) => word === "completed").length, 1);
  });
});
