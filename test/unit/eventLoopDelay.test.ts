import assert from "node:assert/strict";
import { createEventLoopDelay } from "../../daemon/server/eventLoopDelay.ts";
import { checkLeaks } from "../support/leaks.ts";
import { waitFor } from "../support/waitFor.ts";

describe("the delay of the event loop", () => {
  checkLeaks();

  it("is known from the second question on, and shows a block", async () => {
    const delay = createEventLoopDelay();
    assert.equal(delay(), undefined);
    let blocks = 0;
    const late = await waitFor(() => {
      const end = performance.now() + 40;
      while (performance.now() < end);
      blocks += 1;
      // It takes two looks of the histogram to see how far apart they are.
      const measured = blocks % 5 === 0 ? delay() : undefined;
      return measured !== undefined && measured.max >= 25 && measured;
    }, "a block to be seen");
    assert.ok(late.p50 <= late.p99 && late.p99 <= late.max);
  });
});
