import { systemClock } from "../../daemon/base/clock.ts";
import { deepEqual, equal, ok } from "node:assert/strict";
import { startWatchdog, type Watchdog, type WatchdogOptions } from "../../daemon/runs/watchdog.ts";
import { waitFor } from "../support/waitFor.ts";

/** A watchdog on a clock that the test turns; its looks come every few real milliseconds. */
function watched(more: Partial<WatchdogOptions> = {}) {
  const said: string[] = [];
  let nowMs = 1000;
  let beats = 0;
  const dog: Watchdog = startWatchdog({
    heartbeatMs: 5,
    stalledMs: 300,
    checkMs: 5,
    totalMs: 10_000,
    idleMs: 900,
    ranBeforeMs: 0,
    clock: { ...systemClock, monotonic: () => nowMs },
    onHeartbeat: () => (beats += 1),
    onStalled: (stalled) => said.push(stalled),
    onTimeout: (which, afterMs, maxMs) => said.push(`${which} ${afterMs} of ${maxMs}`),
    ...more,
  });
  return {
    dog,
    said,
    beats: () => beats,
    pass(ms: number) {
      nowMs += ms;
    },
    /** Resolves when the watchdog has said this many things. */
    saying: (count: number) =>
      waitFor(() => said.length >= count, `word ${count} of the watchdog`, {
        describe: () => said,
      }),
    /** Resolves when it has certainly looked again. */
    async looked() {
      const before = beats;
      await waitFor(() => beats >= before + 4, "four more heartbeats");
    },
  };
}

describe("the watchdog", () => {
  let watch: ReturnType<typeof watched>;
  afterEach(() => watch.dog.stop());

  it("beats at once, then again and again, and never after it was stopped", async () => {
    watch = watched();
    equal(watch.beats(), 1);
    await watch.looked();
    watch.dog.stop();
    const beats = watch.beats();
    watch.pass(100_000);
    const other = watched();
    await other.looked();
    other.dog.stop();
    equal(watch.beats(), beats);
    deepEqual(watch.said, []);
  });

  it("says once that a run has stalled, and once that it moves again", async () => {
    watch = watched();
    watch.pass(300);
    await watch.saying(1);
    await watch.looked();
    watch.dog.progress();
    watch.dog.progress();
    deepEqual(watch.said, ["stalled", "moving"]);
    watch.pass(300);
    await watch.saying(3);
    deepEqual(watch.said, ["stalled", "moving", "stalled"]);
  });

  it("says when there was no event for too long, and not while there are some", async () => {
    watch = watched({ stalledMs: 100_000 });
    for (let n = 0; n < 5; n += 1) {
      watch.pass(800);
      watch.dog.progress();
      await watch.looked();
    }
    deepEqual(watch.said, []);
    watch.pass(950);
    await watch.saying(1);
    deepEqual(watch.said, ["idleTimeout 950 of 900"]);
  });

  it("says when the whole time is over, whatever happens meanwhile", async () => {
    watch = watched();
    watch.pass(10_001);
    watch.dog.progress();
    await watch.saying(1);
    deepEqual(watch.said, ["totalTimeout 10001 of 10000"]);
  });

  it("lets its clocks stand still while the run is suspended, but goes on beating", async () => {
    watch = watched();
    watch.pass(200);
    watch.dog.suspend();
    watch.dog.suspend();
    watch.pass(1_000_000);
    const beats = watch.beats();
    await watch.looked();
    ok(watch.beats() > beats);
    deepEqual(watch.said, []);
    watch.dog.wake();
    watch.pass(99);
    await watch.looked();
    deepEqual(watch.said, [], "199 of 300 ms without progress");
    watch.pass(9_701);
    await watch.saying(1);
    deepEqual(watch.said, ["totalTimeout 10000 of 10000"]);
  });

  it("is not stalled any more when it is woken", async () => {
    watch = watched();
    watch.pass(300);
    await watch.saying(1);
    watch.dog.suspend();
    watch.dog.progress();
    watch.dog.wake();
    await watch.looked();
    deepEqual(watch.said, ["stalled"]);
  });
});
