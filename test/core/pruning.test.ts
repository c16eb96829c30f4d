import { equal, ok } from "node:assert/strict";
import { createRetention } from "../../daemon/runs/retention.ts";
import { checkLeaks } from "../support/leaks.ts";
import { openParts } from "../support/inProcess.ts";

describe("pruning a large store", () => {
  checkLeaks();

  it("looks at each tree three times at most, however many pieces it takes", async () => {
    const parts = await openParts({
      run: async () => ({ status: "completed", result: "" }),
      settings: (settings) => ({ ...settings, maxChildren: 1000 }),
    });
    const count = 100;
    for (let n = 0; n < count; n += 1) await parts.completion((await parts.spawn("x")).id);
    const forgotten: string[] = [];
    let looks = 0;
    const { tree } = parts;
    const descendantsOf = tree.descendantsOf.bind(tree);
    tree.descendantsOf = (id) => {
      looks += 1;
      return descendantsOf(id);
    };
    const retention = createRetention({
      engine: parts.engine,
      approvalRules: parts.approvalRules,
      environments: { forget: (id) => void forgotten.push(id) },
      removeFiles: async () => undefined,
    });
    equal((await retention.prune({ maxBytes: 0 })).deleted, count);
    equal(forgotten.length, count);
    ok(looks <= 3 * count + 1, `${looks} looks`);
    await parts.stop();
  });
});
