import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { joinCore, JoinError } from "../../daemon/client/join.ts";
import { startCoreProcess } from "../../daemon/client/startCore.ts";
import { checkLeaks } from "../support/leaks.ts";
import { waitFor } from "../support/waitFor.ts";
import { kill, testStateFolder, tinyCore, type TestFolder, ofTheEditor } from "./frontClient.ts";

describe("front: joining a core", () => {
  checkLeaks();
  let folder: TestFolder;
  beforeEach(() => {
    folder = testStateFolder();
  });
  afterEach(() => folder.clear());

  it("ends on one core, however many fronts start at the same instant", async () => {
    const clients = Array.from({ length: 50 }, () => folder.client());
    const cores = await Promise.all(clients.map((client) => client.open()));
    assert.equal(new Set(cores).size, 1, clients.map((client) => client.stderr()).join(""));
    await waitFor(() => folder.corePids().length === 1, "the other cores to end");
    assert.deepEqual(folder.corePids(), cores.slice(0, 1));
    for (const client of clients) client.stdin.end();
    await Promise.all(clients.map((client) => client.ended));
  });

  it("starts a core where the last one was killed and left its socket", async () => {
    const first = folder.client();
    const core = await first.open();
    first.notify("exit");
    await first.ended;
    kill(core, "SIGKILL");
    const second = folder.client();
    assert.notEqual(await second.open(), core);
  });

  it("takes the place of an older core that is idle; its clients come along", async () => {
    const old = folder.client();
    const oldCore = await old.open();
    const client = folder.client({ TINY_VERSION: "1.1.0" });
    const core = await client.open();
    assert.notEqual(core, oldCore);
    const { result } = await old.ask("told");
    assert.deepEqual(result, [{ method: "initialize", params: ofTheEditor }]);
    assert.deepEqual(folder.corePids(), [core]);
    assert.equal(client.stderr() + old.stderr(), "");
  });

  it("joins an older core that is busy, and says so", async () => {
    const old = folder.client({ TINY_BUSY: "1" });
    const core = await old.open();
    const client = folder.client({ TINY_VERSION: "1.1.0" });
    assert.equal(await client.open(), core);
    assert.match(client.stderr(), /is version 1\.0\.0 and has work under way/);
  });

  it("never displaces a newer core", async () => {
    const client = folder.client({ TINY_VERSION: "1.10.0" });
    const core = await client.open();
    for (const version of ["1.9.0", "1.10.0-beta.1", "1.10.0", "not a version"]) {
      const old = folder.client({ TINY_VERSION: version });
      assert.equal(await old.open(), core);
      assert.equal(old.stderr(), "");
    }
    assert.deepEqual((await client.ask("echo", { n: 1 })).result, { n: 1 });
  });

  it("starts nothing where it may not", async () => {
    const startCore = () => assert.fail("a core was started");
    const asked = {
      folder,
      version: "9.0.0",
      protocolVersion: 1,
      start: "never" as const,
      startCore,
    };
    await assert.rejects(joinCore(asked), (error) => {
      return error instanceof JoinError && error.failure.kind === "notRunning";
    });
    const client = folder.client();
    const core = await client.open();
    const joined = await joinCore(asked);
    assert.equal(joined.core.pid, core);
    assert.equal(joined.note, undefined);
    joined.socket.destroy();
    assert.deepEqual(folder.corePids(), [core]);
  });

  it("gives a core that does not listen a bound", async () => {
    let started = 0;
    const startCore = () => {
      started += 1;
      return { ended: () => undefined, lastLines: () => ["still loading"] };
    };
    const asked = { folder, version: "1.0.0", protocolVersion: 1, start: "ifNeeded" as const };
    await assert.rejects(joinCore({ ...asked, startCore, timeoutMs: 50 }), (error) => {
      assert.ok(error instanceof JoinError);
      assert.deepEqual(error.failure, {
        kind: "cannotStart",
        lastLines: ["still loading"],
        logFile: folder.logFile,
      });
      return true;
    });
    assert.equal(started, 1);
  });

  it("gives a core that hangs the same bound", async () => {
    const client = folder.client();
    const core = await client.open();
    kill(core, "SIGSTOP");
    const startCore = () => assert.fail("a second core was started");
    const asked = { folder, version: "1.0.0", protocolVersion: 1, start: "ifNeeded" as const };
    await assert.rejects(joinCore({ ...asked, startCore, timeoutMs: 50 }), /does not answer/);
    kill(core, "SIGCONT");
  });

  it("marks the core with no run of its own, but leaves the mark of a foreign run", async () => {
    const marks = { OFFSHOOT_RUN: "run", OFFSHOOT_SESSION: "session" };
    const environmentOf = (pid: number) => readFileSync(`/proc/${pid}/environ`, "utf8").split("\0");
    const inside = folder.client({ ...marks, OFFSHOOT_STATE_DIR: `${folder.dir}/` });
    const core = await inside.open();
    assert.ok(!environmentOf(core).some((entry) => /^OFFSHOOT_(RUN|SESSION)=/.test(entry)));
    kill(core, "SIGKILL");
    inside.notify("exit");
    await inside.ended;
    await folder.endCores();
    const foreign = folder.client({ ...marks, OFFSHOOT_STATE_DIR: `${folder.dir}-other` });
    const marked = environmentOf(await foreign.open());
    assert.ok(marked.includes("OFFSHOOT_RUN=run") && marked.includes("OFFSHOOT_SESSION=session"));
  });

  it("starts a core in a session of its own, in the state folder, with none of our streams", async () => {
    const core = startCoreProcess(tinyCore, folder);
    const [pid] = await waitFor(
      () => folder.corePids().length === 1 && folder.corePids(),
      "a core",
    );
    const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
    const sessionId = stat.slice(stat.lastIndexOf(")") + 2).split(" ")[3];
    assert.equal(Number(sessionId), pid);
    assert.equal(core.ended(), undefined);
    kill(pid ?? 0, "SIGKILL");
    const ended = await waitFor(() => core.ended(), "its end to be noticed");
    assert.deepEqual(ended, { code: null, sentence: "it was ended by SIGKILL" });
  });
});
