import { deepEqual, equal, ok } from "node:assert/strict";
import { startDaemon, type TestClient, type TestDaemon } from "../support/daemon.ts";
import { checkLeaks } from "../support/leaks.ts";
import { endedInOrder, gate } from "../support/runs.ts";

describe("fairness", () => {
  checkLeaks();
  let daemon: TestDaemon;
  let client: TestClient;
  before(async () => {
    daemon = startDaemon({
      concurrency: { total: 2, perRoot: 2 },
      queue: { perRoot: 3_000, total: 4_000 },
    });
    client = await daemon.client({ subscribe: "lifecycle" });
  });
  after(() => daemon.stop());

  async function root(): Promise<string> {
    return (await client.call("session/create", { cwd: daemon.work })).session.id;
  }

  it("lets a root with 2,000 queued runs not starve another, and loses none of them", async () => {
    const [many, few] = [await root(), await root()];
    const held = gate(daemon.work);
    const busy = [
      await client.shell(held.wait, { parentId: many }),
      await client.shell(held.wait, { parentId: many }),
    ];
    await held.reached(2);
    const waiting = await Promise.all(
      Array.from({ length: 2_000 }, () => client.shell("true", { parentId: many })),
    );
    equal(new Set(waiting).size, 2_000);
    const late = await Promise.all([1, 2, 3].map(() => client.shell("true", { parentId: few })));
    equal((await client.call("daemon/status", {})).queued, 2_003);
    held.open();
    for (const id of late) equal((await client.completion(id)).status, "completed");
    const before = endedInOrder(client).filter((id) => waiting.includes(id)).length;
    ok(before <= 8, `${before} of the many came before the last of the few`);
    await client.call("session/cancel", { sessionId: many });
    for (const id of [...busy, ...waiting]) await client.completion(id);
    const numbers = client.of("subAgent/completed").map(({ completionSeq }) => completionSeq);
    deepEqual(
      numbers,
      [...numbers.keys()].map((place) => place + 1),
    );
    equal(numbers.length, 2_005);
  });

  it("gives one root no more than its part", async () => {
    daemon.configure({ concurrency: { total: 4, perRoot: 2 } });
    const held = gate(daemon.work);
    const [one, other] = [await root(), await root()];
    const ids: string[] = [];
    for (let n = 0; n < 4; n += 1) ids.push(await client.shell(held.wait, { parentId: one }));
    await held.reached(2);
    const { running, queued } = await client.call("daemon/status", {});
    deepEqual([running, queued], [2, 2]);
    for (let n = 0; n < 4; n += 1) ids.push(await client.shell(held.wait, { parentId: other }));
    await held.reached(4);
    const status = await client.call("daemon/status", {});
    deepEqual([status.running, status.queued], [4, 4]);
    held.open();
    for (const id of ids) await client.completion(id);
  });
});
