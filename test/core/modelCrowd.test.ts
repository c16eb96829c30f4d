/** Many sessions of the built-in agent at once: queued, streaming, hanging, cancelled, stopped. */
import { deepEqual, equal, match, ok } from "node:assert/strict";
import { isAlive } from "../support/daemon.ts";
import { checkLeaks } from "../support/leaks.ts";
import { startModelDaemon, type ModelDaemon } from "../support/modelDaemon.ts";
import { script } from "../support/modelServer.ts";
import { waitFor } from "../support/waitFor.ts";

const slots = 10;

describe("a crowd of sessions of the built-in agent", () => {
  checkLeaks();
  let house: ModelDaemon;

  beforeEach(async () => {
    house = await startModelDaemon({ concurrency: { total: slots, perRoot: slots } });
  });
  afterEach(() => house.stop());

  const completions = () => house.client.of("subAgent/completed");

  it("waits in the queue, never more at once than there are slots, and all of it ends", async () => {
    const count = 120;
    const prompts = Array.from({ length: count }, (_, n) =>
      script(`say ${n}`, { text: `It is ${n}.`, deltas: 4, delayMs: 5 }),
    );
    const ids = await Promise.all(prompts.map((prompt) => house.spawn(prompt)));
    const results = await Promise.all(ids.map((id) => house.client.completion(id)));
    deepEqual(
      results.map(({ status, result }) => [status, result]),
      ids.map((_, n) => ["completed", `It is ${n}.`]),
    );
    ok(house.server.counts.mostParallel <= slots, `${house.server.counts.mostParallel} at once`);
    equal(house.hostPids().length, 1);
  });

  it("is cancelled whole while its models hang and its queue is long, and one more is served", async () => {
    const hanging = script("hang", { text: "Well", deltas: 2, ending: "hang" });
    const ids = await Promise.all(
      Array.from({ length: 60 }, (_, n) => house.spawn(`${n} ${hanging}`)),
    );
    await waitFor(() => house.server.counts.parallel === slots, "all slots to be taken");
    const { session } = await house.client.call("session/get", { sessionId: ids[0] ?? "" });
    await house.client.call("session/cancel", { sessionId: session.rootId });
    const results = await Promise.all(ids.map((id) => house.client.completion(id)));
    deepEqual([...new Set(results.map(({ status }) => status))], ["cancelled"]);
    await waitFor(() => house.server.counts.parallel === 0, "the models to be let go");
    const next = await house.spawn(script("after", { text: "Here." }));
    equal((await house.client.completion(next)).result, "Here.");
  });

  it("is ended in order with its core while its models hang and its commands run on", async () => {
    const hanging = script("hang", { text: "Well", deltas: 2, ending: "hang" });
    const stubborn = script("stubborn", {
      calls: [{ name: "run_command", input: { command: "trap '' TERM; sleep 600" } }],
    });
    const auto = { overrides: { permissions: { mode: "auto" as const } } };
    const ids = await Promise.all([
      ...Array.from({ length: 6 }, (_, n) => house.spawn(`${n} ${hanging}`)),
      ...Array.from({ length: 4 }, (_, n) => house.spawn(`${n} ${stubborn}`, auto)),
    ]);
    const queued = await house.spawn(script("queued", { text: "Later." }));
    await waitFor(() => house.server.counts.parallel === 6, "the models to be asked");
    await waitFor(
      () => ids.slice(6).every((id) => house.events(id, "tool.started").length > 0),
      "the commands to run",
    );
    const pid = await house.daemon.corePid();
    await house.client.call("daemon/stop", {});
    await waitFor(
      () => ids.every((id) => completions().some((one) => one.childSessionId === id)),
      "all to end",
    );
    for (const id of ids) {
      const { status, error } = await house.client.completion(id);
      equal(status, "interrupted");
      match(error?.message ?? "", /the core was stopped while this ran/);
    }
    await house.client.crash();
    await waitFor(() => !isAlive(pid), "the core to be gone");
    deepEqual(house.hostPids(), []);
    const next = await house.daemon.client();
    equal((await next.completion(queued)).result, "Later.");
  });
});
