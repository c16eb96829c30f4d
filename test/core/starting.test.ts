import { deepEqual, equal } from "node:assert/strict";
import type { Store } from "../../daemon/store/sessionStore.ts";
import { openParts, type TestParts } from "../support/inProcess.ts";
import { checkLeaks } from "../support/leaks.ts";
import { outcome } from "../support/runs.ts";
import { waitFor } from "../support/waitFor.ts";

/** A run that has its slot and reads its messages, but was not told as started. */
describe("while a run starts", () => {
  checkLeaks();
  let parts: TestParts;
  let prompts: string[];
  /** How many runs read their messages just now, and what lets them go on. */
  let reading: number;
  let goOn: PromiseWithResolvers<void>;
  beforeEach(async () => {
    prompts = [];
    reading = 0;
    goOn = Promise.withResolvers();
    parts = await openParts({
      run: async ({ prompt }) => {
        prompts.push(prompt);
        return { status: "completed", result: "done" };
      },
      store: (store) =>
        Object.create(store, {
          messages: {
            async value(...given: Parameters<Store["messages"]>) {
              const messages = await store.messages(...given);
              reading += 1;
              await goOn.promise;
              return messages;
            },
          },
        }) as Store,
    });
  });
  afterEach(() => parts.stop());

  async function starting(): Promise<string> {
    const { id } = await parts.spawn("one");
    await waitFor(() => reading === 1, "it to read its messages");
    equal(parts.tree.show(id).status, "queued");
    return id;
  }

  it("a cancel ends it before it starts", async () => {
    const id = await starting();
    await parts.requests.cancel(id, "no longer needed", undefined);
    goOn.resolve();
    const completion = await parts.completion(id);
    deepEqual(outcome(completion), ["cancelled", "aborted", "Cancelled before start"]);
    equal(completion.reason, "no longer needed");
    deepEqual(parts.words(id), ["completed"]);
    deepEqual(prompts, []);
    equal(parts.scheduler.runningCount, 0);
  });

  it("a deletion ends it before it starts", async () => {
    const id = await starting();
    const deleting = parts.requests.endForDeletion([id], (ids) => parts.tree.remove(ids));
    goOn.resolve();
    await deleting;
    equal((await parts.completion(id)).status, "cancelled");
    deepEqual(prompts, []);
  });

  it("a message that interrupts it is read with the first one, by a run of its own", async () => {
    const id = await starting();
    const delivery = await parts.requests.send({ sessionId: id, text: "two", interrupt: true });
    equal(delivery, "queued");
    goOn.resolve();
    deepEqual(outcome(await parts.completion(id)), [
      "cancelled",
      "aborted",
      "Cancelled before start",
    ]);
    equal((await parts.completion(id, 2)).status, "completed");
    deepEqual(prompts, ["one\n\ntwo"]);
  });

  it("a message that comes too late for it gets a run of its own", async () => {
    const id = await starting();
    equal(await parts.requests.send({ sessionId: id, text: "two" }), "queued");
    goOn.resolve();
    await parts.completion(id, 2);
    deepEqual(prompts, ["one", "two"]);
  });

  it("it cannot be paused or run again", async () => {
    const id = await starting();
    for (const ask of [parts.requests.pause({ sessionId: id }), parts.requests.run(id)]) {
      equal(
        await ask.then(
          () => 0,
          (error: { code: number }) => error.code,
        ),
        1003,
      );
    }
    goOn.resolve();
    equal((await parts.completion(id)).status, "completed");
  });

  it("a stop leaves it in the queue", async () => {
    const id = await starting();
    const stopping = parts.scheduler.stop("interrupt");
    goOn.resolve();
    await stopping;
    equal(parts.tree.get(id).session.status, "queued");
    deepEqual(parts.words(id), []);
    const stored = (await parts.store.loadHeaders()).sessions.map(({ session }) => session.status);
    deepEqual(stored, ["created", "queued"]);
  });
});
