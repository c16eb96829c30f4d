import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import type { ChildProcess, SpawnOptions } from "node:child_process";
import { once } from "node:events";
import { createProcesses } from "../../daemon/processes/processes.ts";
import type { ProcessRecord } from "../../daemon/processes/processes.ts";
import { processSource, processTable } from "../../daemon/processes/processTable.ts";
import type { ProcessEntry } from "../../daemon/processes/processTable.ts";
import { checkLeaks } from "../support/leaks.ts";
import { agentFile } from "../support/runContext.ts";
import { silentLog } from "../support/silentLog.ts";
import { waitFor } from "../support/waitFor.ts";

const processes = createProcesses({ log: silentLog });

function begin(command: string, args: string[], options: SpawnOptions = {}) {
  const child = spawn(command, args, { stdio: "ignore", detached: true, ...options });
  const record = processes.identify(child.pid ?? 0);
  assert.ok(record);
  return { child, record };
}

function isAlive(record: ProcessRecord): boolean {
  return processSource().runs(record) === true;
}

async function firstLine(child: ChildProcess): Promise<string> {
  assert.ok(child.stdout);
  const [chunk] = (await once(child.stdout, "data")) as [Buffer];
  return chunk.toString();
}

describe("processes", () => {
  checkLeaks();

  it("ends a program without waiting for the grace to pass", async () => {
    const { child, record } = begin("sleep", ["1000"]);
    const exited = once(child, "exit");
    const alive = await processes.endProcesses({
      find: { records: [record] },
      killAfterMs: 3_600_000,
    });
    assert.deepEqual(alive, []);
    assert.deepEqual(await exited, [null, "SIGTERM"]);
  });

  it("kills at once where it is told to", async () => {
    const { child, record } = begin("sleep", ["1000"]);
    const exited = once(child, "exit");
    assert.deepEqual(
      await processes.endProcesses({ find: { records: [record] }, killAfterMs: 0 }),
      [],
    );
    assert.deepEqual(await exited, [null, "SIGKILL"]);
  });

  it("ends what is stopped", async () => {
    const { child, record } = begin("sleep", ["1000"]);
    child.kill("SIGSTOP");
    const exited = once(child, "exit");
    await processes.endProcesses({ find: { records: [record] }, killAfterMs: 3_600_000 });
    assert.deepEqual(await exited, [null, "SIGTERM"]);
  });

  it("never touches a process that has the number of another", async () => {
    const { child, record } = begin("sleep", ["1000"], { env: { OFFSHOOT_RUN: "reuse-guard" } });
    const [ticks, boot] = record.startTime.split(".");
    const others = [
      { pid: record.pid, startTime: `${Number(ticks) - 1}.${boot}` },
      { pid: record.pid, startTime: `${ticks}.00000000` },
    ];
    for (const other of others) {
      assert.deepEqual(await processes.find({ runId: "no such run", records: [other] }), []);
      assert.deepEqual(
        await processes.endProcesses({ find: { records: [other] }, killAfterMs: 0 }),
        [],
      );
      await processes.endLeftovers({
        stateDir: "/no/such/state",
        records: [{ ...other, runId: "r" }],
        killAfterMs: 0,
      });
    }
    assert.ok(isAlive(record));
    const exited = once(child, "exit");
    child.kill();
    await exited;
  });

  it("never finds itself or those it descends from", async () => {
    const own = [process.pid, process.ppid].map((pid) => processes.identify(pid));
    const records = own.filter((record) => record !== undefined);
    assert.equal(records.length, 2);
    const { child, record } = begin("sleep", ["1000"], { detached: false });
    const found = await processes.find({ records });
    assert.deepEqual(
      found.filter(({ pid }) => pid === process.pid || pid === process.ppid),
      [],
    );
    // Whatever else a terminal started in our session is left out of it, but for the records' own.
    assert.ok(isAlive(record));
    const exited = once(child, "exit");
    child.kill();
    await exited;
  });

  it("ends processes that keep starting others in new sessions", async () => {
    const options: SpawnOptions = {
      stdio: ["ignore", "pipe", "inherit"],
      env: { PATH: process.env["PATH"], OFFSHOOT_RUN: "fork-for-ever" },
    };
    const { child, record } = begin(process.execPath, [agentFile("forkForEver.mjs"), "5"], options);
    await firstLine(child);
    await waitFor(
      async () => (await processes.find({ runId: "fork-for-ever" })).length >= 8,
      "the shells",
    );
    const find = { runId: "fork-for-ever", records: [record] };
    assert.deepEqual(await processes.endProcesses({ find, killAfterMs: 50 }), []);
    assert.deepEqual(await processes.find({ runId: "fork-for-ever" }), []);
  });

  it("ends what a dead core has left behind, by mark and by record", async () => {
    const stateDir = "/state of\u00e4 dead core";
    const args = [agentFile("lostParent.mjs"), stateDir, "lost-run"];
    const core = begin(process.execPath, args, { stdio: ["ignore", "pipe", "inherit"] });
    const pids = JSON.parse(await firstLine(core.child)) as { marked: number; recorded: number };
    const [marked, recorded] = [pids.marked, pids.recorded].map((pid) => processes.identify(pid));
    assert.ok(marked && recorded);
    const exited = once(core.child, "exit");
    core.child.kill("SIGKILL");
    await exited;

    const other = { stateDir: "/another", records: [], killAfterMs: 1000 };
    await processes.endLeftovers(other);
    assert.deepEqual([marked, recorded].map(isAlive), [true, true]);
    const records = [{ ...recorded, runId: "recorded-run" }];
    assert.deepEqual(await processes.endLeftovers({ stateDir, records, killAfterMs: 1000 }), []);
    assert.deepEqual([marked, recorded].map(isAlive), [false, false]);
  });

  it("serves many who ask at the same time with few looks", async () => {
    let looks = 0;
    const source = processSource();
    const counting = createProcesses({
      log: silentLog,
      source: {
        ...source,
        scan: () => {
          looks += 1;
          return source.scan();
        },
      },
    });
    const ask = () =>
      Promise.all(Array.from({ length: 300 }, (_, n) => counting.find({ runId: `r${n}` })));
    await ask();
    assert.equal(looks, 1);
    await Promise.all([ask(), ask()]);
    assert.equal(looks, 2);
  });

  it("looks again when the system could not say just then", async () => {
    const source = processSource();
    let faults = 2;
    const scan = () => (faults-- > 0 ? Promise.reject(new Error("EMFILE")) : source.scan());
    const { child, record } = begin("sleep", ["1000"]);
    const exited = once(child, "exit");
    const patient = createProcesses({ log: silentLog, source: { ...source, scan } });
    await patient.endProcesses({ find: { records: [record] }, killAfterMs: 0 });
    assert.deepEqual(await exited, [null, "SIGKILL"]);
  });

  it("reads the same from ps as from /proc", async () => {
    const env = {
      PATH: process.env["PATH"],
      OFFSHOOT_RUN: "for-ps",
      OFFSHOOT_STATE_DIR: "/a b",
      OFFSHOOT_COMMAND: "a-command",
      Z: "1",
    };
    const { child, record } = begin("sleep", ["1000"], { env });
    const shape = (entry: ProcessEntry) => {
      const { parentPid, groupId, ended, runId, stateDir, commandId } = entry;
      return { parentPid, groupId, ended, runId, stateDir, commandId };
    };
    const seen: unknown[] = [];
    for (const source of [processSource("linux"), processSource("freebsd")]) {
      const entry = (await source.scan()).find(({ pid }) => pid === record.pid);
      assert.ok(entry);
      seen.push(shape(entry));
      assert.equal(source.identify(record.pid)?.startTime, entry.startTime);
      assert.equal(source.canExist(entry), true);
    }
    assert.deepEqual(seen[0], {
      parentPid: process.pid,
      groupId: record.pid,
      ended: false,
      runId: "for-ps",
      stateDir: "/a b",
      commandId: "a-command",
    });
    assert.deepEqual(seen[1], seen[0]);
    const exited = once(child, "exit");
    child.kill();
    await exited;
  });
});

describe("a table of processes", () => {
  checkLeaks();

  const entry = (
    pid: number,
    parentPid: number,
    sessionId: number,
    more: Partial<ProcessEntry> = {},
  ) =>
    ({
      pid,
      startTime: `${pid}`,
      parentPid,
      groupId: sessionId,
      sessionId,
      ended: false,
      runId: undefined,
      stateDir: undefined,
      commandId: undefined,
      ...more,
    }) satisfies ProcessEntry;
  const ours = 10;
  const core = [entry(1, 0, 1), entry(5, 1, 5), entry(ours, 5, 5, { runId: "r1", stateDir: "/s" })];

  function check(
    entries: ProcessEntry[],
    wanted: Parameters<ReturnType<typeof processTable>["of"]>[0],
    pids: number[],
  ) {
    const table = processTable([...core, ...entries], { canExist: () => true }, ours);
    assert.deepEqual(
      table
        .of(wanted)
        .map(({ pid }) => pid)
        .sort((one, other) => one - other),
      pids,
    );
  }

  it("finds by mark, by session and by descent, and nothing of our own line", () => {
    const tree = [
      entry(20, ours, 20, { runId: "r1", stateDir: "/s" }),
      entry(21, 20, 20),
      entry(22, 21, 22),
      entry(23, 1, 22),
      entry(24, 1, 24, { runId: "r1", stateDir: "/s" }),
      entry(25, 1, 20, { ended: true }),
      entry(30, ours, 30, { runId: "r2", stateDir: "/s" }),
      entry(40, 1, 40, { runId: "r2", stateDir: "/other" }),
      entry(50, 1, 50, { stateDir: "/s" }),
      entry(60, 1, 60, { runId: "r3", commandId: "c1" }),
      entry(61, 60, 61),
      entry(62, 1, 62, { runId: "r3", commandId: "c2" }),
    ];
    check(tree, { runId: "r1" }, [20, 21, 22, 23, 24]);
    check(tree, { records: [{ pid: 20, startTime: "20" }] }, [20, 21, 22, 23]);
    check(tree, { stateDir: "/s" }, [20, 21, 22, 23, 24, 30]);
    check(tree, { commandId: "c1" }, [60, 61]);
    check(tree, { records: core }, []);
    check(tree, {}, []);
  });

  it("knows the session of a leader that has ended, unless its number is taken", () => {
    const orphan = entry(61, 1, 60);
    check([orphan], { records: [{ pid: 60, startTime: "60" }] }, [61]);
    const reused = entry(60, 1, 60, { startTime: "later" });
    check([orphan, reused], { records: [{ pid: 60, startTime: "60" }] }, []);
  });

  it("tells a group only when all of it is meant", () => {
    const members = [entry(70, 1, 70), entry(71, 70, 70), entry(72, 1, 70), entry(80, 1, 80)];
    const table = processTable([...core, ...members], { canExist: () => true }, ours);
    assert.deepEqual([...table.wholeGroups(members)], [70, 80]);
    assert.deepEqual([...table.wholeGroups(members.slice(1))], [80]);
  });
});
