/** What is asked of a session in the very moment in which its run ends and another one follows. */
import { deepEqual, equal } from "node:assert/strict";
import type { RunOutcome } from "../../daemon/sessions/endings.ts";
import type { Store } from "../../daemon/store/sessionStore.ts";
import { openParts, type TestParts } from "../support/inProcess.ts";
import { checkLeaks } from "../support/leaks.ts";
import { outcome } from "../support/runs.ts";
import { waitFor } from "../support/waitFor.ts";

describe("while the end of a run is being stored, and a message waits for the next one", () => {
  checkLeaks();
  let parts: TestParts;
  let prompts: string[];
  let endings: PromiseWithResolvers<RunOutcome>[];
  let whenEnding: (() => void) | undefined;

  /** Calls `whenEnding` when the end of a run counts already and nobody was told. */
  const watched = (store: Store): Store => {
    const write: Store["write"] = (what, options) => {
      const written = store.write(what, options);
      if (what.completion !== undefined) {
        whenEnding?.();
        whenEnding = undefined;
      }
      return written;
    };
    return Object.create(store, { write: { value: write } }) as Store;
  };

  beforeEach(async () => {
    prompts = [];
    endings = [];
    whenEnding = undefined;
    parts = await openParts({
      store: watched,
      async run({ prompt, signal }) {
        prompts.push(prompt);
        const ending = Promise.withResolvers<RunOutcome>();
        endings.push(ending);
        signal.addEventListener("abort", () => ending.resolve({ status: "aborted" }));
        return await ending.promise;
      },
    });
  });
  afterEach(() => parts.stop());

  /** A run whose end is being stored with a run that follows it, when `asked` is called. */
  async function ended(asked: (id: string) => void): Promise<string> {
    const { id } = await parts.spawn("one");
    await waitFor(() => endings.length === 1, "it to run");
    equal(await parts.requests.send({ sessionId: id, text: "two" }), "queued");
    whenEnding = () => asked(id);
    endings[0]?.resolve({ status: "completed", result: "done" });
    await parts.completion(id);
    return id;
  }

  it("a cancel is about the run that follows", async () => {
    let cancelled: Promise<void> | undefined;
    const id = await ended((sessionId) => {
      cancelled = parts.requests.cancel(sessionId, "enough", undefined);
    });
    await cancelled;
    const next = await parts.completion(id, 2);
    deepEqual([outcome(next)[0], next.reason], ["cancelled", "enough"]);
    await waitFor(() => !parts.requests.isEnding(id), "the cancel to be through");
    equal(parts.tree.get(id).cancelWish, undefined);
    equal(parts.scheduler.runningCount + parts.scheduler.queuedCount, 0);
  });

  it("a deletion takes the run that follows with it", async () => {
    let removed = false;
    let deleted: Promise<void> | undefined;
    const id = await ended((sessionId) => {
      deleted = parts.requests.endForDeletion([sessionId], async () => {
        removed = true;
        equal(parts.scheduler.runningCount + parts.scheduler.queuedCount, 0);
      });
    });
    await deleted;
    equal(removed, true);
    deepEqual(outcome(await parts.completion(id, 2))[0], "cancelled");
  });

  it("a cancel does not reach what is asked for after it", async () => {
    const { id } = await parts.spawn("one");
    await waitFor(() => endings.length === 1, "it to run");
    let sent: Promise<string> | undefined;
    whenEnding = () => {
      void parts.requests.cancel(id, undefined, undefined);
      sent = parts.requests.send({ sessionId: id, text: "two" });
    };
    endings[0]?.resolve({ status: "completed", result: "done" });
    await parts.completion(id);
    equal(await sent, "run");
    await waitFor(() => endings.length === 2, "it to run again");
    endings[1]?.resolve({ status: "completed", result: "again" });
    equal((await parts.completion(id, 2)).result, "again");
    deepEqual(prompts, ["one", "two"]);
  });
});
