import assert from "node:assert/strict";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Session } from "../../protocol/session.ts";
import { VERSION } from "../../daemon/base/version.ts";
import { offshoot } from "../support/daemon.ts";
import { gate } from "../support/runs.ts";
import { waitFor } from "../support/waitFor.ts";
import { startTerminal } from "./terminalProcess.ts";
import { terminalSuite } from "./terminalSuite.ts";

describe("the commands of the terminal", () => {
  const suite = terminalSuite();
  const { call, json, spawn } = suite;

  it("run follows a sub-agent: its output as it is, its errors aside, its outcome as exit code", async () => {
    const good = await call("run", "--", "printf 'a\\tb\\n'; echo oops >&2; printf 'no end'");
    assert.equal(good.stdout, "a\tb\nno end");
    assert.match(good.stderr, /^oops\n✓ completed in .*\([0-9a-f]{8}\)\n$/);
    assert.equal(good.code, 0);

    const bad = await call("run", "echo said; exit 3");
    assert.deepEqual([bad.code, bad.stdout], [1, "said\n"]);
    assert.match(bad.stderr, /✗ error in .* – exited with code 3/);

    const late = await call("run", "--timeout", "200ms", "sleep 1000");
    assert.equal(late.code, 4);

    const lines = (await call("run", "--json", "echo hi")).stdout.trim().split("\n");
    const values = lines.map((line) => JSON.parse(line) as { session?: Session; event?: unknown });
    assert.equal(values[0]?.session?.kind, "child");
    assert.equal(values.at(-1)?.session?.status, "completed");
    assert.ok(values.slice(1, -1).some((value) => JSON.stringify(value.event).includes("hi")));
  });

  it("run fails where an agent has no model, says which to name, and rehearses when asked to", async () => {
    const unnamed = await call("run", "-a", "model", "write me a poem");
    assert.deepEqual([unnamed.code, unnamed.stdout], [1, ""]);
    assert.match(unnamed.stderr, /no model is chosen.*defaultModel.*rehearsal\/planner/);
    const named = await call("run", "-a", "model", "-m", "rehearsal/planner", "write me a poem");
    assert.equal(named.code, 0);
  });

  it("run reads the prompt from stdin, and refuses an empty one", async () => {
    // The harness gives no stdin, which is an empty one.
    const { code, stderr } = await call("run", "-");
    assert.deepEqual([code, stderr], [2, "offshoot: the prompt is empty\n"]);
  });

  it("spawn prints the id, takes the options, and a key makes it once", async () => {
    const below = join(suite.daemon.work, "below");
    mkdirSync(below);
    const options = ["--title", "A title", "--cwd", "below", "--key", "k1", "--priority", "5"];
    const limits = ["--idle-timeout", "10m", "--max-children", "2", "--max-cost", "1.5"];
    const id = await spawn(...options, ...limits, "--no-run", "echo hi");
    assert.equal(await spawn(...options, "echo hi"), id);
    const { sessions } = await json<{ sessions: Session[] }>("ls", "--status", "created");
    const found = sessions.find((session) => session.id === id);
    assert.deepEqual(
      { title: found?.title, cwd: found?.cwd, status: found?.status },
      { title: "A title", cwd: below, status: "created" },
    );
    assert.equal(found?.limits.idleTimeoutMs, 600_000);
    assert.equal(found?.limits.maxChildren, 2);
    assert.equal(found?.limits.maxCostUsd, 1.5);

    assert.equal((await call("retry", "--follow", id.slice(-8))).code, 0);
  });

  it("ls, tree, events and tail show what there is", async () => {
    const id = await spawn("--title", "first\u001b[2J", "echo one; echo two; echo three");
    await call("wait", id);
    const table = (await call("ls")).stdout.split("\n");
    assert.match(table[0] ?? "", /^ID +STATE +AGENT +TIME +AGE +TITLE +DETAIL$/);
    assert.match(table[1] ?? "", new RegExp(`^${id.slice(-8)}  completed  shell .* first +three$`));
    assert.match(table[2] ?? "", /root/);
    assert.equal((await call("ls", "--text", "nothing like it")).stdout, "");
    assert.equal((await call("ls", "--status", "running,queued")).stdout, "");
    assert.equal((await call("ls", "--root", id.slice(-8))).stdout.split("\n").length, 4);

    const tree = await call("tree", "--once");
    assert.match(tree.stdout, /^└─ ✓ first  completed  shell  .*three\n$/);
    assert.equal(
      (await call("tree", id.slice(-6), "--once")).stdout,
      tree.stdout.replace(/^└─ /, ""),
    );

    const events = await call("events", id);
    assert.match(events.stdout, /^ +1  \d\d:\d\d:\d\d  output +one\n/);
    const after = await json<{ seq: number }>("events", id, "--after", "2");
    assert.equal(after.seq, 3);
    assert.equal((await call("tail", id, "-n", "1")).stdout, "three\n");
    assert.equal((await call("tail", id, "-f")).stdout, "one\ntwo\nthree\n");
    assert.equal((await call("events", "-f", id)).code, 0);
  });

  it("tree without a terminal tells the transitions until all have ended", async () => {
    const held = gate(suite.daemon.work);
    const id = await spawn("--title", "slow", held.wait);
    await spawn("--title", "bad", "exit 1");
    const tree = startTerminal(["tree"], suite.daemon.environment, suite.daemon.work);
    const tells = (state: string) => new RegExp(`${state} +${id.slice(-8)}  slow`);
    await waitFor(() => tells("running").test(tree.stdout()), "what runs to be told");
    held.open();
    assert.equal(await tree.code, 0);
    assert.match(tree.stdout(), tells("completed"));
    assert.ok(!tree.stdout().includes("\u001b"));

    const done = await call("tree", "--json");
    assert.equal((JSON.parse(done.stdout) as { sessions: Session[] }).sessions.length, 3);
  });

  it("wait answers for all, any, the first error, and only so long", async () => {
    const slow = await spawn("sleep 1000");
    const good = await spawn("true");
    const bad = await spawn("false");
    assert.equal((await call("wait", good)).code, 0);
    assert.equal((await call("wait", good, bad)).code, 1);
    assert.equal((await call("wait", "--any", slow, good)).code, 0);
    assert.equal((await call("wait", "--first-error", slow, bad)).code, 1);
    const timedOut = await call("wait", "--timeout", "100ms", slow, good);
    assert.equal(timedOut.code, 124);
    assert.match(timedOut.stderr, new RegExp(`1 not ended: ${slow.slice(-8)}`));
    assert.equal((await call("wait", "--any", "--first-error", good)).code, 2);

    const cancelled = await json<{ cancel: string[] }>("cancel", slow, good, "--reason", "enough");
    assert.deepEqual(cancelled, { cancel: [slow, good] });
    const outcome = await call("wait", slow);
    assert.equal(outcome.code, 3);
    assert.match(outcome.stdout, /⊘ cancelled .*enough/);
  });

  it("pause, resume, send and retry steer a session", async () => {
    suite.daemon.configure({ concurrency: { total: 1, perRoot: 1 } });
    const first = await spawn("sleep 1000");
    const second = await spawn("echo hi");
    await waitFor(async () => (await statusOf(first)) === "running", "the first to run");
    assert.equal((await call("pause", first)).code, 7);
    assert.equal((await call("pause", second)).code, 0);
    assert.equal(await statusOf(second), "paused");
    assert.equal((await call("resume", second)).code, 0);
    assert.equal(await statusOf(second), "queued");
    const refused = await call("pause", "--json", first, second);
    assert.equal(refused.code, 7);
    const [done, error] = refused.stdout
      .trim()
      .split("\n")
      .map((line) => JSON.parse(line) as unknown);
    assert.deepEqual(done, { pause: [second] });
    assert.equal((error as { error: { kind: string } }).error.kind, "invalidState");

    await call("cancel", first);
    await call("resume", second);
    assert.equal((await call("wait", second)).code, 0);
    assert.deepEqual(await json("send", second, "echo", "again"), { delivery: "run" });
    assert.equal((await call("wait", second)).code, 0);
    assert.match((await call("tail", second)).stdout, /again/);

    assert.equal((await call("rename", second, "Another", "title")).code, 0);
    assert.match((await call("ls")).stdout, /Another title/);
    assert.equal((await call("rename", second, " ")).code, 2);

    async function statusOf(id: string): Promise<string | undefined> {
      const { sessions } = await json<{ sessions: Session[] }>("ls", "--limit", "0");
      return sessions.find((session) => session.id === id)?.status;
    }
  });

  it("retry works again on what a completed session was told last", async () => {
    const id = await spawn("echo one");
    assert.equal((await call("wait", id)).code, 0);
    assert.equal((await call("send", id, "echo two; exit $(cat code || echo 0)")).code, 0);
    assert.equal((await call("wait", id)).code, 0);
    assert.deepEqual((await call("retry", "-f", id)).stdout, "two\n");

    writeFileSync(join(suite.daemon.work, "code"), "3");
    assert.equal((await call("retry", id)).code, 0);
    assert.equal((await call("wait", id)).code, 1);
    // What failed is still to be read, so that nothing is said twice.
    writeFileSync(join(suite.daemon.work, "code"), "0");
    const { code, stdout } = await call("retry", "-f", id);
    assert.deepEqual([code, stdout], [0, "two\n"]);
  });

  it("rm without a terminal wants --yes", async () => {
    const id = await spawn("true");
    for (const args of [[], ["--json"]]) {
      const { code, stdout, stderr } = await call("rm", ...args, id);
      assert.equal(code, 2);
      assert.match(stdout + stderr, /nobody can answer here; give -y/);
    }
    assert.equal((await call("tail", id)).code, 0);
    assert.equal((await call("rm", "-y", id.slice(-8))).stdout, "removed 1 session\n");
    assert.equal((await call("tail", id)).code, 2);
    assert.deepEqual(await json("rm", "--yes", await spawn("true")), { deleted: 1 });
  });

  it("agents, approvals, status and prune answer", async () => {
    assert.match((await call("agents")).stdout, /^AGENT .*\nshell +command +yes +built-in/);
    const { agents } = await json<{ agents: { name: string }[] }>("agents");
    const names = agents.map((agent) => agent.name);
    assert.deepEqual(names.slice(0, 3), ["shell", "rehearsal", "model"]);
    assert.deepEqual(await json("approvals"), { approvals: [] });
    assert.equal((await call("approvals", "allow", "nothing", "--always")).code, 2);
    assert.match((await call("status")).stdout, /^core +.* process \d+/);
    assert.equal((await json<{ health: string }>("status")).health, "ok");
    await call("wait", await spawn("true"));
    assert.equal((await call("prune")).code, 2);
    assert.match((await call("prune", "--older-than", "30d")).stdout, /^removed 0 sessions/);
    const pruned = await json<{ deleted: number }>("prune", "--size", "0");
    assert.ok(pruned.deleted >= 1);
  });

  it("runs what a workspace contributes only when it is trusted", async () => {
    mkdirSync(join(suite.daemon.work, ".offshoot"));
    const local = { name: "local", runner: { kind: "command", command: "echo", args: ["local"] } };
    writeFileSync(
      join(suite.daemon.work, ".offshoot", "config.json"),
      JSON.stringify({ agents: [local] }),
    );
    assert.equal((await call("run", "--agent", "local", "x")).code, 2);
    const trusted = await call("run", "--trust", "--agent", "local", "x");
    assert.deepEqual([trusted.code, trusted.stdout], [0, "local\n"]);
    assert.match((await call("agents", "--trust")).stdout, /\nlocal +command +yes /);
  });

  it("trusts the repository around a folder, and works in the folder", async () => {
    const below = join(suite.daemon.work, "packages", "one");
    mkdirSync(below, { recursive: true });
    mkdirSync(join(suite.daemon.work, ".offshoot"));
    const local = { name: "local", runner: { kind: "command", command: "pwd", args: [] } };
    writeFileSync(
      join(suite.daemon.work, ".offshoot", "config.json"),
      JSON.stringify({ agents: [local] }),
    );
    const run = () =>
      offshoot(["run", "--trust", "--agent", "local", "x"], suite.daemon.environment, below);
    assert.equal((await run()).code, 2);
    mkdirSync(join(suite.daemon.work, ".git"));
    const { code, stdout } = await run();
    assert.deepEqual([code, stdout], [0, `${below}\n`]);
  });

  it("refuses with an exit code of its own when a limit is reached", async () => {
    suite.daemon.configure({ concurrency: { total: 1, perRoot: 1 }, queue: { perRoot: 1 } });
    const first = await spawn("sleep 1000");
    const queued = call("run", "true");
    await waitFor(
      async () => (await json<{ queued: number }>("status")).queued === 1,
      "the second to be queued",
    );
    const third = await call("spawn", "true");
    assert.equal(third.code, 7);
    assert.match(third.stderr, /^offshoot: the queue of this root is full: 1 of 1 /);
    await call("cancel", first);
    assert.equal((await queued).code, 0);
  });

  it("starts no core to say that none is running", async () => {
    const status = await call("status");
    assert.deepEqual([status.code, status.stdout], [6, ""]);
    assert.match(status.stderr, /no core is running for /);
    const stop = await call("stop");
    assert.deepEqual(
      [stop.code, stop.stdout],
      [0, `No core is running for ${suite.daemon.folder}.\n`],
    );
    assert.deepEqual(await json("stop"), { stopped: false });
    assert.deepEqual(await json("prune", "--older-than", "1d"), { deleted: 0, storeBytes: 0 });
    assert.equal((await call("ls")).stderr, "No sessions.\n");
    assert.equal((await call("tree", "--once")).stderr, "No sessions.\n");
    assert.equal((await call("status")).code, 6);
  });

  it("stop interrupts or cancels what runs", async () => {
    const first = await spawn("sleep 1000");
    await call("tree", "--once");
    assert.equal((await call("stop")).stdout, "The core has stopped.\n");
    assert.equal((await call("wait", first)).code, 5);
    const second = await spawn("sleep 1000");
    assert.deepEqual(await json("stop", "--cancel"), { stopped: true });
    assert.equal((await call("wait", second)).code, 3);
  });

  it("names sessions by the end of their id", async () => {
    const ids = [await spawn("--no-run", "one"), await spawn("--no-run", "two")];
    const [first = "", second = ""] = ids;
    assert.match((await call("ls")).stdout, new RegExp(first.slice(-8)));
    assert.equal((await call("cancel", first.slice(-12).toUpperCase())).code, 0);
    const none = await call("tail", "00000000-nope");
    assert.deepEqual([none.code, none.stdout], [2, ""]);
    const short = await call("tail", second.slice(-3));
    assert.match(short.stderr, /Give a whole id, or at least the last four characters/);
    const unknown = await call("tail", "ffffffffffff");
    assert.match(unknown.stderr, /no session's id ends in "ffffffffffff"/);
    const gone = await json<{ error: unknown }>("tail", "01a1faa4-6ad4-764c-8aa5-60f205a3ad97");
    assert.deepEqual((gone.error as { code: number; kind: string }).kind, "sessionNotFound");
  });

  it("says what is wrong in one line, without a stack", async () => {
    const wrong: [string[], number, RegExp][] = [
      [[], 2, /^$/],
      [["bogus"], 2, /unknown command 'bogus'/],
      [["ls", "--bogus"], 2, /unknown option '--bogus'; put -- before a text/],
      [["spawn", "--timeout", "soon", "x"], 2, /A time looks like 90s/],
      [["prune", "--size", "big"], 2, /A size looks like 500MB/],
      [["spawn", "--max-cost", "-1", "x"], 2, /A sum in US dollars/],
      [["spawn"], 2, /missing required argument 'prompt'/],
      [["ls", "--status", "sleepy"], 2, /The states are created, queued, /],
      [["mcp", "bogus"], 2, /too many arguments for 'mcp'/],
      [["agent", "--bogus"], 2, /unknown option '--bogus'/],
      [["mcp", "--trust"], 2, /`offshoot mcp` takes no option but --state-dir/],
      [["run", "--agent", "nobody", "x"], 2, /there is no agent "nobody"/],
      [["run", "--cwd", "not/there", "x"], 2, /not\/there/],
      [["run", "--max-depth", "1", "--parent", "ffffffff", "x"], 2, /no session's id ends in/],
    ];
    for (const [args, code, message] of wrong) {
      const [ended, told] = await Promise.all([call(...args), call("--json", ...args)]);
      assert.equal(ended.code, code, `${args.join(" ")}: ${ended.stderr}`);
      assert.match(ended.stderr, message);
      assert.ok(ended.stderr.split("\n").length <= 2, ended.stderr);
      if (args.length === 0) continue;
      const { error } = JSON.parse(told.stdout) as { error: { message: string } };
      assert.match(error.message, message);
    }
  });

  it("explains itself", async () => {
    const { code, stdout, stderr } = await call("--help");
    assert.deepEqual([code, stderr], [0, ""]);
    for (const part of ["Start work:", "Inspect:", "Control:", "Examples:", "Exit codes:"]) {
      assert.ok(stdout.includes(part), part);
    }
    // One line each: what stands in the first column of the commands starts a new one.
    for (const line of stdout.split("\n")) assert.ok(line.length <= 100, line);
    assert.match((await call("run", "--help")).stdout, /--idle-timeout <time> .*\n/);
    assert.equal((await call()).stdout, stdout);
    for (const [name, what] of [
      ["mcp", /an MCP server/],
      ["agent", /an agent of the Agent Client Protocol/],
    ] as const) {
      const help = await call(name, "--help");
      assert.deepEqual([help.code, help.stderr], [0, ""]);
      assert.match(help.stdout, what);
      assert.equal((await call("help", name)).stdout, help.stdout);
      // Nobody speaks to it, so it ends.
      const started = await call("--state-dir", suite.daemon.folder, name);
      assert.deepEqual([started.code, started.stdout], [0, ""]);
    }
    assert.equal((await call("--version")).stdout, `${VERSION}\n`);
  });
});
