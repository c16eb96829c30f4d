import { deepEqual, equal } from "node:assert/strict";
import { startDaemon, type TestClient, type TestDaemon } from "../support/daemon.ts";
import { checkLeaks } from "../support/leaks.ts";

describe("the life of a run", () => {
  checkLeaks();
  let daemon: TestDaemon;
  let client: TestClient;
  before(async () => {
    daemon = startDaemon();
    client = await daemon.client();
  });
  after(() => daemon.stop());

  it("starts once, tells every event in order, and completes once", async () => {
    const id = await client.shell("echo one; echo two; echo three >&2; echo four");
    const completion = await client.completion(id);
    equal(completion.status, "completed");
    equal(completion.result, "one\ntwo\nfour\n");
    const words = client.received.filter(
      ({ method, params }) =>
        method.startsWith("subAgent/") &&
        "childSessionId" in params &&
        params.childSessionId === id,
    );
    const order = words.map(({ method }) => method).filter((m) => m !== "subAgent/heartbeat");
    deepEqual(order[0], "subAgent/started");
    deepEqual(order.at(-1), "subAgent/completed");
    equal(order.filter((method) => method === "subAgent/completed").length, 1);
    const seqs = client
      .of("subAgent/event")
      .flatMap((e) => (e.childSessionId === id ? [e.seq] : []));
    deepEqual(
      seqs,
      [...seqs.keys()].map((place) => place + 1),
    );
  });
});
