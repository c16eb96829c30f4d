import { deepEqual, equal, ok } from "node:assert/strict";
import type { Config } from "../../protocol/config.ts";
import { isAlive, startDaemon, type TestClient, type TestDaemon } from "../support/daemon.ts";
import { checkLeaks } from "../support/leaks.ts";
import {
  endedInOrder,
  gate,
  outcome,
  processesOf,
  sessionOf,
  storedEvents,
  until,
} from "../support/runs.ts";
import { waitFor } from "../support/waitFor.ts";

const oneSlot: Config = { concurrency: { total: 1, perRoot: 1 } };

describe("an orderly stop", () => {
  checkLeaks();
  let daemon: TestDaemon;
  let client: TestClient;
  beforeEach(async () => {
    daemon = startDaemon(oneSlot);
    client = await daemon.client();
  });
  afterEach(() => daemon.stop());

  async function again(): Promise<TestClient> {
    await client.crash();
    const next = await daemon.client({ subscribe: "nothing" });
    await next.call("tree/subscribe", { events: "all", afterCompletion: 0 });
    return next;
  }

  for (const how of ["SIGTERM", "daemon/stop"]) {
    it(`by ${how} interrupts what runs, and what is queued runs after the next start`, async () => {
      const held = gate(daemon.work);
      const live = await client.shell(`trap '' TERM; echo one; ${held.wait}`);
      await held.reached();
      const { runId } = await until(client, live, "running");
      const queued = await client.shell("echo two");
      const pid = await daemon.corePid();
      if (how === "SIGTERM") process.kill(pid, "SIGTERM");
      else await client.call("daemon/stop", {});
      const completion = await client.completion(live);
      deepEqual(outcome(completion), [
        "interrupted",
        "aborted",
        "Interrupted: the core was stopped while this ran",
      ]);
      equal(completion.reason, "host_shutdown");
      await client.crash();
      await waitFor(() => !isAlive(pid), "the core to be gone");
      deepEqual(processesOf(runId), []);
      client = await again();
      equal((await client.completion(queued)).result, "two\n");
      equal((await client.completion(live)).replayed, true);
      deepEqual(endedInOrder(client), [live, queued]);
    });
  }

  it("takes no new work, in the words that clients know", async () => {
    const held = gate(daemon.work);
    const live = await client.shell(`trap '' TERM; ${held.wait}`);
    await held.reached();
    const idle = await client.shell("true", { autoRun: false });
    await client.call("daemon/stop", {});
    const requests = [
      client.shell("true"),
      client.call("session/run", { sessionId: idle }),
      client.call("session/send", { sessionId: idle, text: "go" }),
      client.call("session/send", { sessionId: live, text: "go" }),
    ];
    const refused = await Promise.allSettled(requests);
    deepEqual(
      refused.map((one) => one.status === "rejected" && [one.reason.code, one.reason.message]),
      requests.map(() => [1012, "spawn scheduler is not running"]),
    );
  });

  it("cancels what runs when it is asked to, and leaves what is queued", async () => {
    const held = gate(daemon.work);
    const live = await client.shell(held.wait);
    await held.reached();
    const below = await client.shell("echo below", { parentId: live });
    const queued = await client.shell("echo queued");
    await client.call("daemon/stop", { runs: "cancel" });
    deepEqual(outcome(await client.completion(live)), [
      "cancelled",
      "aborted",
      "Cancelled by user",
    ]);
    await client.crash();
    await daemon.stopCore();
    client = await again();
    equal((await client.completion(queued)).result, "queued\n");
    deepEqual(outcome(await client.completion(below)), [
      "cancelled",
      "aborted",
      "Cancelled before start",
    ]);
    equal((await storedEvents(client, below)).length, 0);
  });

  it("comes by itself after a while without clients and live runs, not before", async () => {
    const held = gate(daemon.work);
    daemon.configure({ ...oneSlot, idleExitMs: 300 });
    const id = await client.shell(held.wait);
    await held.reached();
    const pid = await daemon.corePid();
    await client.close();
    client = await daemon.client();
    equal(await daemon.corePid(), pid);
    const { startedAt } = await until(client, id, "running");
    await client.close();
    await waitFor(() => Date.now() - startedAt > 1_200, "longer than the bound");
    ok(isAlive(pid), "a run is live");
    held.open();
    await waitFor(() => !isAlive(pid), "the core to have ended by itself");
    client = await daemon.client();
    equal((await sessionOf(client, id)).status, "completed");
  });
});
