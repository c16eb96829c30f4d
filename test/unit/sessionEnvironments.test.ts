import { equal } from "node:assert/strict";
import { createSessionEnvironments } from "../../daemon/runs/environments.ts";
import { testSession } from "../support/storeRecords.ts";

describe("the environments of sessions", () => {
  it("are forgotten with their sessions", () => {
    const own = { PATH: "/core" };
    const environment = { PATH: "/client" };
    const record = testSession("one");
    const environments = createSessionEnvironments({
      tree: { upwards: () => Iterator.from([record]) as Generator<typeof record> },
      own,
    });
    environments.wanted("one", { options: { environment } });
    equal(environments.of("one"), environment);
    environments.forget("one");
    equal(environments.of("one"), own);
  });
});
