import assert from "node:assert/strict";
import type { Session } from "../../protocol/session.ts";
import { waitFor } from "../support/waitFor.ts";
import { startOnTerminal, startTerminal } from "./terminalProcess.ts";
import { terminalSuite } from "./terminalSuite.ts";

describe("a command that stays", () => {
  const suite = terminalSuite();
  const { call } = suite;
  const start = (...args: string[]) =>
    startTerminal(args, suite.daemon.environment, suite.daemon.work);

  async function sessions(): Promise<Session[]> {
    const { stdout } = await call("ls", "--json");
    return (JSON.parse(stdout) as { sessions: Session[] }).sessions;
  }

  it("run leaves the run going at Ctrl-C and says how to come back", async () => {
    const run = start("run", "echo started; while [ ! -f go ]; do sleep 0.05; done; echo ended");
    await waitFor(() => run.stdout() === "started\n", "the first line", { describe: run.stderr });
    run.child.kill("SIGINT");
    assert.equal(await run.code, 130);
    const [, id = ""] =
      /The run continues.*offshoot tail -f ([0-9a-f]{8})/.exec(run.stderr()) ?? [];
    assert.match(run.stderr(), new RegExp(`offshoot cancel ${id}`));
    assert.ok((await sessions()).some(({ status }) => status === "running"));

    const back = start("tail", "-f", id);
    await waitFor(() => back.stdout() === "started\n", "the first line again");
    assert.equal((await call("run", "touch go")).code, 0);
    assert.equal(await back.code, 0);
    assert.equal(back.stdout(), "started\nended\n");
    assert.match(back.stderr(), /✓ completed/);
  });

  it("wait and events -f let go at Ctrl-C", async () => {
    const id = (await call("spawn", "echo hi; sleep 1000")).stdout.trim();
    const wait = start("wait", id);
    const events = start("events", "-f", id);
    await waitFor(() => events.stdout().includes("hi"), "the event");
    events.child.kill("SIGINT");
    assert.equal(await events.code, 130);
    const clients = async () =>
      (JSON.parse((await call("status", "--json")).stdout) as { clients: number }).clients;
    await waitFor(async () => (await clients()) === 2, "the wait to be there");
    wait.child.kill("SIGINT");
    assert.equal(await wait.code, 130);
    assert.match(wait.stderr(), /The runs continue\.\n$/);
  });

  it("ends quietly when nobody reads any more", async () => {
    const run = start("run", "while :; do echo line; sleep 0.01; done");
    await waitFor(() => run.stdout().includes("line"), "the first line");
    run.child.stdout.destroy();
    assert.equal(await run.code, 0);
    assert.equal(run.stderr(), "");
  });

  it("run goes on with the next core when its own dies, and tells the true end", async () => {
    const client = await suite.daemon.client({ subscribe: "nothing" });
    const run = start("run", "echo started; sleep 1000");
    await waitFor(() => run.stdout() === "started\n", "the first line");
    await client.crash();
    await suite.daemon.killCore();
    assert.equal(await run.code, 5);
    assert.equal(run.stdout(), "started\n");
    assert.match(
      run.stderr(),
      /^The core has died; this command continues with another one\.\n.*interrupted/s,
    );
  });

  it("wait says so when the core is lost", async () => {
    const client = await suite.daemon.client({ subscribe: "nothing" });
    const id = await client.shell("sleep 1000");
    const wait = start("wait", id);
    await waitFor(
      async () => (await client.call("daemon/status", {})).clients === 2,
      "the wait to be there",
    );
    await client.crash();
    await suite.daemon.killCore();
    assert.equal(await wait.code, 6);
    assert.match(wait.stderr(), /^offshoot: the connection to the core has ended/);
    // The next core ends what this one left behind.
    await suite.daemon.client({ subscribe: "nothing" });
  });

  it("inside a run: what it spawns are its children, and its wait gives the slot back", async () => {
    suite.daemon.configure({ concurrency: { total: 1, perRoot: 1 } });
    const parent = await call(
      "run",
      'a=$(offshoot spawn "echo one") && b=$(offshoot spawn "echo two") && offshoot wait $a $b && offshoot tail $b',
    );
    assert.equal(parent.code, 0, parent.stderr);
    assert.match(parent.stdout, /✓ completed.* echo one\n✓ completed.* echo two\ntwo\n$/);
    const all = await sessions();
    const top = all.find((session) => session.depth === 1);
    assert.deepEqual(
      all.filter((session) => session.depth === 2).map((session) => session.parentId),
      [top?.id, top?.id],
    );
  });

  it("inside a run: with another state folder it is on its own", async () => {
    const other = `${suite.daemon.folder}2`;
    const { code, stdout, stderr } = await call(
      "run",
      `offshoot --state-dir ${other} run "echo alone"; offshoot --state-dir ${other} stop`,
    );
    assert.deepEqual([code, stdout], [0, "alone\nThe core has stopped.\n"], stderr);
  });

  it("run waits for a session that is kept busy, and shows output of megabytes whole", async () => {
    const program = "i=0; while [ $i -lt 40000 ]; do i=$((i+1)); echo line $i of the flood; done";
    const { code, stdout } = await call("run", program);
    const lines = stdout.split("\n");
    assert.deepEqual(
      [code, lines.length, lines[0], lines[39_999]],
      [0, 40_001, "line 1 of the flood", "line 40000 of the flood"],
    );
  });

  it("rm on a terminal says what it removes and ends, and asks", async function () {
    if (process.platform !== "linux") this.skip();
    const id = (await call("spawn", "--title", "the sleeper", "sleep 1000")).stdout.trim();
    for (const [typed, said] of [
      ["n", /Nothing was removed/],
      ["y", /removed 1 session/],
    ] as const) {
      const rm = startOnTerminal(["rm", id], suite.daemon.environment, suite.daemon.work);
      await waitFor(() => rm.stdout().includes("Remove them? [y/N]"), "the question");
      rm.child.stdin?.write(`${typed}\n`);
      assert.equal(await rm.code, 0);
      assert.match(
        rm.stdout(),
        /removes [0-9a-f]{8} "the sleeper".*not ended, and therefore cancelled: 1/s,
      );
      assert.match(rm.stdout(), said);
    }
    assert.equal((await call("tail", id)).code, 2);
  });

  it("tree on a terminal draws in place, and gives the cursor back at Ctrl-C", async function () {
    if (process.platform !== "linux") this.skip();
    const id = (
      await call("spawn", "--title", "the sleeper", "echo hello; sleep 1000")
    ).stdout.trim();
    const tree = startOnTerminal(["tree"], suite.daemon.environment, suite.daemon.work);
    await waitFor(() => tree.stdout().includes("● the sleeper"), "the row", {
      describe: tree.stdout,
    });
    await call("cancel", id);
    await waitFor(() => tree.stdout().includes("⊘ the sleeper"), "the row to change");
    const pid = Number((await children(tree.child.pid ?? 0))[0]);
    process.kill(pid, "SIGINT");
    assert.equal(await tree.code, 130);
    assert.ok(tree.stdout().includes("\u001b[?25l"), "the cursor was hidden");
    assert.ok(tree.stdout().lastIndexOf("\u001b[?25h") > tree.stdout().lastIndexOf("⊘"));
  });
});

/** The processes that a process has started. */
async function children(pid: number): Promise<string[]> {
  const { readFile } = await import("node:fs/promises");
  const text = await readFile(`/proc/${pid}/task/${pid}/children`, "utf8");
  return text.trim().split(" ");
}
