import assert from "node:assert/strict";
import type { Session } from "../../protocol/session.ts";
import { offshoot, startDaemon, type TestDaemon } from "../support/daemon.ts";
import { checkLeaks } from "../support/leaks.ts";

/** More than `tree` shows at once. */
const count = 5_100;
const atOnce = 300;

describe("the commands with thousands of sessions", () => {
  checkLeaks();
  let daemon: TestDaemon;
  let ids: string[];

  before(async () => {
    daemon = startDaemon();
    const client = await daemon.client({ subscribe: "nothing" });
    ids = [];
    while (ids.length < count) {
      const some = Array.from({ length: Math.min(atOnce, count - ids.length) }, (_, n) =>
        client.shell("true", { autoRun: false, title: `task ${ids.length + n}` }),
      );
      ids.push(...(await Promise.all(some)));
    }
  });
  after(() => daemon.stop());

  const call = (...args: string[]) => offshoot(args, daemon.environment, daemon.work);

  it("lists the candidates when several ids end alike", async () => {
    const byEnd = Map.groupBy(ids, (id) => id.slice(-4));
    // 5,100 ends of 65,536 possible ones: that no two are alike has a chance of one in 10^80.
    const [end, alike = []] = [...byEnd].find(([, group]) => group.length > 1) ?? [];
    assert.ok(end !== undefined);
    const { code, stderr } = await call("cancel", end);
    assert.equal(code, 2);
    assert.match(stderr, new RegExp(`^offshoot: ${alike.length} sessions end in "${end}"`));
    for (const id of alike.slice(0, 5)) assert.ok(stderr.includes(`  ${id}  created  task `));
    assert.equal((await call("cancel", alike[0]?.slice(-12) ?? "")).code, 0);
  });

  it("lists page by page", async () => {
    const { stdout, stderr } = await call("ls", "-n", "3");
    assert.equal(stdout.split("\n").length, 5);
    assert.match(stderr, /There are more; --limit 0 shows all\./);
    const all = JSON.parse((await call("ls", "-n", "0", "--json")).stdout) as {
      sessions: Session[];
    };
    assert.equal(all.sessions.length, count + 1);
  });

  it("draws the trees of the newest", async () => {
    const { code, stdout, stderr } = await call("tree", "--once");
    assert.equal(code, 0);
    assert.match(stderr, new RegExp(`^${count + 1} sessions in all; shown are the trees`));
    assert.equal(stdout.trim().split("\n").length, count);
  });
});
