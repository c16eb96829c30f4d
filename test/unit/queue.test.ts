import { deepEqual, equal, throws } from "node:assert/strict";
import { Intake } from "../../daemon/runs/intake.ts";
import { RunQueue, type QueueEntry } from "../../daemon/runs/queue.ts";

const always = () => true;
const bounds = { perRoot: 3, total: 5 };

function entry(sessionId: string, more: Partial<QueueEntry> = {}): QueueEntry {
  return { sessionId, rootId: "root", priority: 0, queuedAt: 0, ...more };
}

function queueOf(...entries: QueueEntry[]): RunQueue {
  const queue = new RunQueue(new Intake());
  for (const one of entries) queue.add(one);
  return queue;
}

function takeAll(queue: RunQueue, mayRun: (rootId: string) => boolean = always): string[] {
  const taken: string[] = [];
  for (let next = queue.take(mayRun); next !== undefined; next = queue.take(mayRun)) {
    taken.push(next.sessionId);
  }
  return taken;
}

describe("the queue", () => {
  it("gives out the oldest first, and of the same age the one that was made first", () => {
    const queue = queueOf(
      entry("d", { queuedAt: 3 }),
      entry("b", { queuedAt: 1 }),
      entry("a", { queuedAt: 1 }),
      entry("c", { queuedAt: 2 }),
    );
    deepEqual(takeAll(queue), ["a", "b", "c", "d"]);
    equal(queue.size, 0);
  });

  it("puts a higher priority first", () => {
    const queue = queueOf(
      entry("low", { priority: -5 }),
      entry("normal"),
      entry("high", { priority: 5, queuedAt: 9 }),
    );
    deepEqual(takeAll(queue), ["high", "normal", "low"]);
  });

  it("lets roots take turns, however much one of them waits for", () => {
    const many = [...Array(2000).keys()].map((n) =>
      entry(`many-${String(n).padStart(4, "0")}`, { rootId: "many", queuedAt: n }),
    );
    const queue = queueOf(...many, entry("a", { rootId: "few", queuedAt: 5000 }));
    queue.add(entry("b", { rootId: "few", queuedAt: 5001 }));
    queue.add(entry("c", { rootId: "third", queuedAt: 5002 }));
    deepEqual(takeAll(queue).slice(0, 7), [
      "many-0000",
      "a",
      "c",
      "many-0001",
      "b",
      "many-0002",
      "many-0003",
    ]);
  });

  it("passes over a root that may not run, and leaves its turn to it", () => {
    const queue = queueOf(entry("a", { rootId: "full" }), entry("b", { rootId: "other" }));
    deepEqual(
      takeAll(queue, (rootId) => rootId !== "full"),
      ["b"],
    );
    deepEqual(takeAll(queue), ["a"]);
  });

  it("knows the place of each in the queue of its root", () => {
    const queue = queueOf(entry("a"), entry("b"), entry("c", { rootId: "other" }));
    queue.add(entry("first", { priority: 1 }));
    const places = ["first", "a", "b", "c", "nobody"].map((id) => queue.position(id));
    deepEqual(places, [1, 2, 3, 1, undefined]);
    equal(queue.remove("a"), true);
    equal(queue.remove("a"), false);
    equal(queue.position("b"), 2);
    equal(queue.size, 3);
  });

  it("is bounded per root and in all, and says how full it is", () => {
    const queue = queueOf(entry("a"), entry("b"), entry("c"));
    throws(() => queue.admit("root", bounds), {
      code: 1007,
      data: { kind: "overloaded", queued: 3, max: 3, retryAfterMs: 1000 },
    });
    queue.admit("other", bounds);
    for (const id of ["d", "e"]) queue.add(entry(id, { rootId: id }));
    throws(() => queue.admit("other", bounds), {
      code: 1007,
      data: { kind: "overloaded", queued: 5, max: 5, retryAfterMs: 1000 },
    });
  });

  it("counts who was admitted and is still being stored", () => {
    const queue = new RunQueue(new Intake());
    for (const id of ["a", "b", "c"]) {
      queue.admit("root", bounds);
      queue.expect(id, "root");
      queue.expect(id, "root");
    }
    throws(() => queue.admit("root", bounds), { code: 1007 });
    queue.remove("a");
    queue.admit("root", bounds);
    queue.add(entry("b"));
    queue.expect("d", "other");
    queue.expect("e", "other");
    queue.expect("f", "other");
    throws(() => queue.admit("third", bounds), { code: 1007 });
    equal(queue.size, 1);
    equal(queue.position("c"), undefined);
  });

  it("admits nobody once the core takes no new work, in the words that clients know", () => {
    const intake = new Intake();
    const queue = new RunQueue(intake);
    intake.close();
    throws(() => queue.admit("root", bounds), {
      code: 1012,
      message: "spawn scheduler is not running",
    });
  });
});
