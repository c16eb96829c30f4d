import assert from "node:assert/strict";
import {
  chmodSync,
  existsSync,
  mkdirSync,
  readdirSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import type { Check } from "../../daemon/terminal/doctorFiles.ts";
import { acquireLock } from "../../daemon/store/lock.ts";
import { waitFor } from "../support/waitFor.ts";
import { terminalSuite } from "./terminalSuite.ts";

describe("offshoot doctor", () => {
  const suite = terminalSuite();
  const { call } = suite;
  const file = (name: string) => join(suite.daemon.folder, name);

  /** Every check by its name; of several with one name the worst. */
  async function doctor(
    ...args: string[]
  ): Promise<{ code: number | null; of: Map<string, Check> }> {
    const { code, stdout } = await call("doctor", "--json", ...args);
    const of = new Map<string, Check>();
    for (const line of stdout.trim().split("\n")) {
      const check = JSON.parse(line) as Check;
      const worst = of.get(check.name);
      if (worst === undefined || rank(worst) < rank(check)) of.set(check.name, check);
    }
    return { code, of };
  }

  const rank = ({ state }: Check) => ["ok", "info", "warn", "fail"].indexOf(state);
  const states = ({ of }: { of: Map<string, Check> }) =>
    Object.fromEntries([...of].map(([name, check]) => [name, check.state]));

  const allWell = {
    node: "ok",
    sqlite: "ok",
    "state folder": "ok",
    core: "ok",
    lock: "ok",
    token: "ok",
    store: "ok",
    config: "ok",
    // Nobody has all the agents that Offshoot knows.
    agent: "info",
  };

  it("finds nothing before the first core, and makes nothing", async () => {
    const found = await doctor();
    assert.deepEqual([found.code, states(found)], [0, allWell]);
    assert.ok(!existsSync(suite.daemon.folder));
    const { code, stdout } = await call("doctor");
    assert.equal(code, 0);
    assert.match(stdout, /^ok +node +v\d+.*\nok +sqlite +the SQLite binding loads/);
  });

  it("asks a core that runs, and looks at the files of one that has stopped", async () => {
    await call("run", "true");
    const running = await doctor();
    assert.deepEqual([running.code, states(running)], [0, { ...allWell, disk: "ok" }]);
    assert.match(running.of.get("core")?.text ?? "", /answers on its socket, process \d+/);
    assert.match(running.of.get("lock")?.text ?? "", /held by process \d+/);
    assert.match(running.of.get("store")?.text ?? "", /version 1, .*, 2 sessions/);

    await call("stop");
    // Its last word comes after its last client has gone.
    await waitFor(() => suite.daemon.log().includes("the core has stopped"), "the end of the core");
    const before = listing(suite.daemon.folder);
    const stopped = await doctor();
    assert.deepEqual([stopped.code, states(stopped)], [0, { ...allWell, disk: "ok" }]);
    assert.equal(stopped.of.get("lock")?.text, "free");
    assert.match(stopped.of.get("store")?.text ?? "", /version 1, /);
    assert.deepEqual(listing(suite.daemon.folder), before);
  });

  it("names faults of the configuration and agents that cannot be used", async () => {
    const program = { kind: "command" as const, command: "no-such-program" };
    suite.daemon.configure({ agents: [{ name: "lost", runner: program }] });
    const lost = await doctor();
    assert.equal(lost.code, 0);
    assert.equal(lost.of.get("agent")?.state, "warn");
    assert.match(lost.of.get("agent")?.text ?? "", /^lost \(command, .*\) cannot be used$/);
    assert.match(lost.of.get("agent")?.remedy ?? "", /no-such-program/);

    suite.daemon.configure({ heartbeatMs: -5 });
    const faulty = await doctor();
    assert.equal(faulty.code, 1);
    assert.match(faulty.of.get("config")?.text ?? "", /config\.json: heartbeatMs: /);
    mkdirSync(join(suite.daemon.work, ".offshoot"));
    writeFileSync(join(suite.daemon.work, ".offshoot", "config.json"), "{ nonsense");
    suite.daemon.configure({});
    assert.match((await doctor()).of.get("config")?.text ?? "", /is not JSON.*with --trust only/);
  });

  it("finds what is wrong with the files, and says what to do", async () => {
    await call("run", "true");
    await call("stop");
    chmodSync(suite.daemon.folder, 0o755);
    chmodSync(file("token"), 0o644);
    writeFileSync(file("store.sqlite"), "this is no database");
    const found = await doctor();
    assert.equal(found.code, 1);
    assert.deepEqual(states(found), {
      ...allWell,
      disk: "ok",
      "state folder": "warn",
      token: "fail",
      store: "fail",
    });
    assert.match(found.of.get("state folder")?.remedy ?? "", /^run: chmod 700 /);
    assert.match(found.of.get("token")?.text ?? "", /mode 644/);
    assert.match(found.of.get("store")?.text ?? "", /is no SQLite database/);

    // The version stands at byte 60 of the head.
    const head = Buffer.alloc(100);
    head.write("SQLite format 3\0", "latin1");
    head.writeUInt32BE(99, 60);
    writeFileSync(file("store.sqlite"), head);
    const newer = (await doctor()).of.get("store");
    assert.match(newer?.text ?? "", /version 99, .* knows versions up to \d/);
    rmSync(file("store.sqlite"));

    const { stdout } = await call("doctor");
    assert.match(stdout, /\nfail +token .*\n +→ run: offshoot stop; rm /);
  });

  it("finds a lock that is held by a core which lets nobody in", async () => {
    mkdirSync(suite.daemon.folder, { mode: 0o700 });
    const lock = await acquireLock(file("lock.sqlite"));
    assert.ok(lock !== "held");
    const found = await doctor();
    await lock.release();
    assert.equal(found.code, 1);
    assert.match(found.of.get("lock")?.text ?? "", /held by a core that does not answer/);
  });
});

/** Names, sizes and times of the files in a folder. */
function listing(folder: string): string[] {
  return readdirSync(folder, { recursive: true, encoding: "utf8" })
    .map((name) => {
      const { mode, mtimeMs, size } = statSync(join(folder, name));
      return `${name} ${size} ${mode} ${mtimeMs}`;
    })
    .sort();
}
