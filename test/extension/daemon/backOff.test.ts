import { deepEqual, equal } from "node:assert/strict";
import { BackOff } from "../../../extension/daemon/backOff.ts";
import { checkLeaks } from "../../support/leaks.ts";

describe("the waits before another attempt to connect", () => {
  checkLeaks();

  function backOff() {
    const clock = { now: 0 };
    const made = new BackOff({
      waitsMs: [1, 2, 4],
      stableMs: 1_000,
      now: () => clock.now,
    });
    return { clock, made };
  }

  it("grow, and come to an end", () => {
    const { made } = backOff();
    const waits = [made.nextWaitMs(), made.nextWaitMs(), made.nextWaitMs(), made.nextWaitMs()];
    deepEqual(waits, [1, 2, 4, undefined]);
    made.reset();
    equal(made.nextWaitMs(), 1);
  });

  it("begin anew after a stable time only, and never because a connection came about", () => {
    const { clock, made } = backOff();
    made.nextWaitMs();
    made.connected();
    clock.now += 999;
    equal(made.nextWaitMs(), 2);
    made.connected();
    clock.now += 1_000;
    equal(made.nextWaitMs(), 1);
  });
});
