import { deepEqual, equal } from "node:assert/strict";
import { Slots, type SlotHolder } from "../../daemon/runs/slots.ts";

const never = new AbortController().signal;

function holders(...roots: string[]): SlotHolder[] {
  return roots.map((rootId) => ({ rootId }));
}

describe("slots", () => {
  it("are bounded in all and per root", () => {
    const slots = new Slots(() => ({ total: 3, perRoot: 2 }));
    for (const holder of holders("a", "a")) slots.take(holder);
    equal(slots.isFree("a"), false);
    equal(slots.isFree("b"), true);
    for (const holder of holders("b")) slots.take(holder);
    equal(slots.isFree("c"), false);
  });

  it("follow their bounds when those change", () => {
    let total = 1;
    const slots = new Slots(() => ({ total, perRoot: 9 }));
    for (const holder of holders("a")) slots.take(holder);
    equal(slots.isFree("a"), false);
    total = 2;
    equal(slots.isFree("a"), true);
  });

  it("are taken once and given back once by the same holder", () => {
    const slots = new Slots(() => ({ total: 2, perRoot: 2 }));
    const [one, other] = holders("a", "a") as [SlotHolder, SlotHolder];
    slots.take(one);
    slots.take(one);
    slots.take(other);
    slots.release(one);
    slots.release(one);
    equal(slots.isFree("a"), true);
    slots.take(one);
    equal(slots.isFree("a"), false);
  });

  it("go to those who wait in the order in which they came, where their root has one free", async () => {
    const slots = new Slots(() => ({ total: 2, perRoot: 1 }));
    const [busyA, busyB, nextA, laterA, nextC] = holders("a", "b", "a", "a", "c") as [
      SlotHolder,
      SlotHolder,
      SlotHolder,
      SlotHolder,
      SlotHolder,
    ];
    slots.take(busyA);
    slots.take(busyB);
    const woken: string[] = [];
    const wait = async (holder: SlotHolder, name: string) => {
      if (await slots.acquire(holder, never)) woken.push(name);
    };
    const all = [wait(nextA, "next a"), wait(laterA, "later a"), wait(nextC, "next c")];
    slots.release(busyB);
    slots.wakeWaiting();
    await all[2];
    slots.release(busyA);
    slots.wakeWaiting();
    await all[0];
    slots.release(nextA);
    slots.wakeWaiting();
    await all[1];
    deepEqual(woken, ["next c", "next a", "later a"]);
  });

  it("are no longer wanted after an abort or a release", async () => {
    const slots = new Slots(() => ({ total: 1, perRoot: 1 }));
    const [busy, aborted, released] = holders("a", "a", "a") as [
      SlotHolder,
      SlotHolder,
      SlotHolder,
    ];
    slots.take(busy);
    const abort = new AbortController();
    const waits = [slots.acquire(aborted, abort.signal), slots.acquire(released, never)];
    abort.abort();
    slots.release(released);
    deepEqual(await Promise.all(waits), [false, false]);
    equal(await slots.acquire(aborted, abort.signal), false, "aborted before it asks");
    slots.release(busy);
    equal(slots.isFree("a"), true);
  });

  it("answer everybody who asks for the same holder", async () => {
    const slots = new Slots(() => ({ total: 1, perRoot: 1 }));
    const [busy, holder] = holders("a", "a") as [SlotHolder, SlotHolder];
    slots.take(busy);
    const waits = [slots.acquire(holder, never), slots.acquire(holder, never)];
    slots.release(busy);
    slots.wakeWaiting();
    deepEqual(await Promise.all(waits), [true, true]);
    equal(await slots.acquire(holder, never), true, "it has one");
  });

  it("can be taken beyond the bound, which then holds for everybody else", async () => {
    const slots = new Slots(() => ({ total: 1, perRoot: 1 }));
    const [busy, holder, other] = holders("a", "b", "c") as [SlotHolder, SlotHolder, SlotHolder];
    slots.take(busy);
    const wait = slots.acquire(holder, never);
    slots.take(holder);
    equal(await wait, true);
    slots.release(busy);
    equal(slots.isFree("c"), false);
    slots.release(holder);
    slots.take(other);
    equal(slots.isFree("c"), false);
  });
});
