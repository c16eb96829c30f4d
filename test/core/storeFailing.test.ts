import { deepEqual, equal } from "node:assert/strict";
import type { RunOutcome } from "../../daemon/sessions/endings.ts";
import { join } from "node:path";
import type { RunContext } from "../../daemon/runners/runner.ts";
import type { Store } from "../../daemon/store/sessionStore.ts";
import { startDaemon, type TestClient, type TestDaemon } from "../support/daemon.ts";
import { openParts } from "../support/inProcess.ts";
import { checkLeaks } from "../support/leaks.ts";
import { lockStore } from "../support/lockedStore.ts";
import { gate, outcome, refusal, sessionOf, until, words } from "../support/runs.ts";
import { waitFor } from "../support/waitFor.ts";

describe("while the store takes nothing", () => {
  checkLeaks();
  let daemon: TestDaemon;
  let client: TestClient;
  before(async () => {
    daemon = startDaemon({
      concurrency: { total: 1, perRoot: 1 },
      queue: { perRoot: 2, total: 2 },
    });
    client = await daemon.client();
  });
  after(() => daemon.stop());

  it("a run ends and says that it is not stored, nothing new begins, and all is stored later", async () => {
    const held = gate(daemon.work);
    const id = await client.shell(`echo before; ${held.wait}; echo after`);
    const queued = await client.shell("echo queued");
    await held.reached();
    const lock = await lockStore(join(daemon.folder, "store.sqlite"));
    const early = refusal(client.shell("echo the first to notice"));
    held.open();
    const completion = await client.completion(id);
    deepEqual([completion.status, completion.stored], ["completed", false]);
    equal((await early).code, 1006);
    equal((await client.call("daemon/status", {})).sessions, 3, "nothing is left of it");
    const shown = await sessionOf(client, id);
    equal("stored" in shown && shown.stored, false);
    equal((await client.call("daemon/status", {})).health, "degraded");
    equal((await refusal(client.shell("echo refused"))).code, 1006);
    equal((await refusal(client.call("session/run", { sessionId: id }))).code, 1006);
    equal((await sessionOf(client, id)).status, "completed");
    equal((await sessionOf(client, queued)).status, "queued");
    deepEqual(words(client, queued), []);
    await lock.free();
    await waitFor(async () => {
      const session = await sessionOf(client, id);
      return "stored" in session && session.stored;
    }, "it to be stored after all");
    equal((await client.completion(queued)).result, "queued\n");
    const busy = gate(daemon.work);
    const full = [await client.shell(busy.wait)];
    await busy.reached();
    full.push(await client.shell("true"), await client.shell("true"));
    busy.open();
    for (const one of full) await client.completion(one);
    deepEqual(
      client.of("subAgent/completed").map(({ completionSeq, stored }) => [completionSeq, stored]),
      [
        [1, false],
        [2, true],
        [3, true],
        [4, true],
        [5, true],
      ],
    );
    const said = words(client, id).filter((word) => word !== "heartbeat");
    equal(said.at(-1), "completed");
    const later = await daemon.client({ subscribe: "nothing" });
    await later.call("tree/subscribe", { afterCompletion: 0 });
    equal((await later.completion(id)).stored, true);
    const { events } = await client.call("session/events", { sessionId: id });
    equal(
      events.map(({ event }) => ("text" in event ? event.text : "")).join(""),
      "before\nafter\n",
    );
    await until(client, id, "completed");
  });

  it("nothing is left of a new root when two spawns below it are refused", async () => {
    let isRefusing = true;
    const parts = await openParts({
      run: async () => ({ status: "completed", result: "done" }),
      store: (store) => ({
        ...store,
        async write(write, options) {
          if (!isRefusing) return await store.write(write, options);
          await Promise.resolve();
          options?.decided?.(false);
          return false;
        },
      }),
    });
    const refused = [refusal(parts.spawn("first")), refusal(parts.spawn("second"))];
    for (const { code } of await Promise.all(refused)) equal(code, 1006);
    equal(parts.tree.size, 0);
    isRefusing = false;
    const { rootId } = await parts.spawn("third");
    const shown = parts.of("session/changed").map(({ session }) => session.id);
    equal(shown[0], rootId, "clients are notified of the root");
    await parts.stop();
  });

  it("a message that is refused is not counted, whatever the run does meanwhile", async () => {
    const refused = Promise.withResolvers<void>();
    const outcomes = Promise.withResolvers<RunOutcome>();
    let contextOf: RunContext | undefined;
    let held = 0;
    const parts = await openParts({
      async run(context) {
        contextOf = context;
        return await outcomes.promise;
      },
      store: (store) => ({
        ...store,
        async write(write, options) {
          const isMessage = write.messages?.some(({ message }) => message.text === "refused");
          if (isMessage !== true) return await store.write(write, options);
          held += 1;
          await refused.promise;
          options?.decided?.(false);
          return false;
        },
      }),
    });
    const { id } = await parts.spawn("x");
    await parts.until(id, "running");
    await waitFor(() => contextOf, "the run");
    const sent = refusal(parts.requests.send({ sessionId: id, text: "refused" }));
    await waitFor(() => held === 1, "the message to be on its way");
    contextOf?.addUsage({ inputTokens: 5 });
    outcomes.resolve({ status: "completed", result: "answer" });
    await waitFor(() => parts.requests.liveRun(id)?.state.at !== "attempting", "the run to end");
    for (let turn = 0; turn < 50; turn += 1) await new Promise(setImmediate);
    refused.resolve();
    equal((await sent).code, 1006);
    await parts.completion(id);
    await parts.store.flush();
    const messages = await parts.store.messages(id, 0, 10);
    deepEqual(
      messages.map(({ n, text }) => [n, text]),
      [
        [1, "x"],
        [2, "answer"],
      ],
    );
    const { sessions } = await parts.store.loadHeaders();
    const stored = sessions.find(({ session }) => session.id === id)?.session;
    deepEqual([stored?.messageCount, stored?.status], [2, "completed"]);
    equal(stored?.usage.inputTokens, 5);
    await parts.stop();
  });

  it("a run whose messages cannot be read ends with the cause, and is not tried for ever", async () => {
    const broken = (store: Store): Store => ({
      ...store,
      messages: async () => {
        throw new Error("the row is torn");
      },
    });
    const parts = await openParts({
      run: async () => ({ status: "completed", result: "" }),
      store: broken,
    });
    const { id } = await parts.spawn("x");
    deepEqual(outcome(await parts.completion(id)), [
      "error",
      "internal",
      "failed to load child session: the row is torn",
    ]);
    await parts.store.flush();
    deepEqual(parts.words(id), ["completed"]);
    equal(parts.tree.get(id).session.status, "error");
    await parts.stop();
  });
});

describe("events of a store that takes nothing", () => {
  checkLeaks();
  let daemon: TestDaemon;
  let client: TestClient;
  before(async () => {
    daemon = startDaemon();
    client = await daemon.client({ subscribe: "nothing" });
  });
  after(() => daemon.stop());

  const told = (id: string) =>
    client.of("subAgent/event").flatMap(({ childSessionId, seq, stored, event }) => {
      if (childSessionId !== id || event.type !== "output") return [];
      return [[seq, event.text, ...(stored === undefined ? [] : [stored])]];
    });
  const heard = (id: string, text: string) =>
    waitFor(() => told(id).some(([, one]) => one === text), text, { describe: () => told(id) });

  it("say so, and those that get their numbers after a crash are not skipped", async () => {
    const [first, second] = [gate(daemon.work), gate(daemon.work)];
    const id = await client.shell(`echo one; ${first.wait}; echo two; ${second.wait}`);
    await client.call("session/subscribe", { sessionId: id });
    await heard(id, "one\n");
    await first.reached();
    const lock = await lockStore(join(daemon.folder, "store.sqlite"));
    first.open();
    await heard(id, "two\n");
    equal((await sessionOf(client, id)).lastSeq, 1);
    const { events, lastSeq } = await client.call("session/events", { sessionId: id });
    deepEqual([events.length, lastSeq], [1, 1]);
    process.kill(await daemon.corePid(), "SIGKILL");
    await lock.free();
    await waitFor(() => client.of("daemon/restarted").length > 0, "another core");
    await client.call("session/run", { sessionId: id });
    await waitFor(() => told(id).length > 2, "another event", { describe: () => told(id) });
    deepEqual(told(id).slice(0, 3), [
      [1, "one\n"],
      [2, "two\n", false],
      [2, "one\n"],
    ]);
  });

  it("count as stored as soon as they are", async () => {
    const [first, second] = [gate(daemon.work), gate(daemon.work)];
    const id = await client.shell(`${first.wait}; echo one; ${second.wait}`);
    await client.call("session/subscribe", { sessionId: id });
    await first.reached();
    const lock = await lockStore(join(daemon.folder, "store.sqlite"));
    first.open();
    await heard(id, "one\n");
    await lock.free();
    await waitFor(async () => (await sessionOf(client, id)).lastSeq === 1, "it to be stored");
    second.open();
    await client.call("session/wait", { sessionIds: [id] });
    deepEqual(told(id), [[1, "one\n", false]]);
  });
});
