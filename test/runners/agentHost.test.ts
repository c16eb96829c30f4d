/** The processes of the built-in agent, as runs of the runner "model" meet them. */
import assert from "node:assert/strict";
import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { acpRunner } from "../../daemon/runners/acp/acp.ts";
import { createAgentHosts, type AgentHosts } from "../../daemon/runners/agentHost/agentHosts.ts";
import { createProcesses } from "../../daemon/processes/processes.ts";
import { startAcpRun, type AcpRun, type AcpRunOptions } from "../support/acpRun.ts";
import { isAlive } from "../support/daemon.ts";
import { checkLeaks, ourProcesses } from "../support/leaks.ts";
import { script, startModelServer, type ModelServer } from "../support/modelServer.ts";
import { repository } from "../support/repository.ts";
import { agentFile } from "../support/runContext.ts";
import { silentLog } from "../support/silentLog.ts";
import { testFolder } from "../support/testFolder.ts";
import { waitFor } from "../support/waitFor.ts";

type Parts = Parameters<typeof createAgentHosts>[0];

const processes = createProcesses({ log: silentLog });
const builtIn = [process.execPath, join(repository, "daemon", "main.ts")];
const scripted = (setUp: object) => [
  process.execPath,
  agentFile("acp-agent.mjs"),
  JSON.stringify({ manySessions: true, ...setUp }),
];

describe("the hosts of the built-in agent", () => {
  checkLeaks();
  let server: ModelServer;
  let folder = "";
  let hosts: AgentHosts;
  let runs: AcpRun[] = [];

  before(async () => void (server = await startModelServer()));
  after(() => server.close());
  beforeEach("make a folder", () => void (folder = mkdtempSync(join(testFolder, "h-"))));
  afterEach("end runs and hosts", async () => {
    for (const run of runs) {
      run.abort();
      await run.outcome;
      run.remove();
    }
    runs = [];
    await hosts.stop();
    assert.deepEqual(hostPids(), []);
    rmSync(folder, { recursive: true, force: true });
  });

  function open(more: Partial<Parts> = {}): void {
    hosts = createAgentHosts({
      selfCommand: builtIn,
      environment: {
        ...process.env,
        OFFSHOOT_SESSION: "of-the-core",
        SOME_API_KEY: "a-secret-key",
      },
      stateDir: folder,
      processes,
      log: silentLog,
      providers: () => ({ scripted: { kind: "openai-compatible", baseUrl: server.baseUrl } }),
      apiKeys: () => ({}),
      defaultModel: () => undefined,
      setup: () => undefined,
      editorModels: { complete: () => assert.fail("no editor is asked") },
      inheritedModel: () => undefined,
      history: async () => [],
      ...more,
    });
  }

  function start(prompt: string, more: Partial<AcpRunOptions> = {}): AcpRun {
    const run = startAcpRun({
      runner: acpRunner({ processes, log: silentLog, hosts }),
      processes,
      config: { kind: "model" },
      profile: { model: "scripted/model" },
      prompt,
      ...more,
    });
    runs.push(run);
    return run;
  }

  const hostPids = () =>
    ourProcesses().flatMap(({ pid, run }) => (run?.startsWith("host-") ? [pid] : []));
  const onlyHost = () => {
    const [pid, ...others] = hostPids();
    assert.deepEqual(others, []);
    assert.ok(pid);
    return pid;
  };
  const said = (run: AcpRun) =>
    run
      .ofType("message.delta")
      .map(({ text }) => text)
      .join("");
  const isGone = (pid: number) => waitFor(() => !isAlive(pid), `host ${pid} to be gone`);
  const forEver = { text: "Working.", ending: "hang" } as const;
  const crashOf = async (run: AcpRun) => {
    const outcome = await run.outcome;
    assert.equal(outcome.status, "error");
    return outcome.status === "error" ? outcome.error : undefined;
  };

  it("close a session that is opened only after its run has ended", async () => {
    const before = [{ pauseMs: 300 }];
    open({ selfCommand: scripted({ before }) });
    const run = start("[]");
    const received = () => {
      const file = join(folder, "received.jsonl");
      const lines = existsSync(file) ? readFileSync(file, "utf8").trim().split("\n") : [];
      return lines.map((line) => JSON.parse(line) as { method?: string; params?: object });
    };
    const closed = () => received().filter(({ method }) => method === "session/close");
    await waitFor(() => received().some(({ method }) => method === "session/new"), "the opening");
    run.abort();
    assert.equal((await run.outcome).status, "aborted");
    assert.deepEqual(
      closed().map(({ params }) => params),
      [{ sessionId: "session-1" }],
    );
  });

  it("share one process, which is no run's", async () => {
    open();
    const one = start(script("one", { text: "First.", deltas: 3, delayMs: 20 }));
    const two = start(script("two", { text: "Second." }));
    assert.deepEqual(await one.outcome, { status: "completed", result: "First." });
    assert.deepEqual(await two.outcome, { status: "completed", result: "Second." });
    const environment = readFileSync(`/proc/${onlyHost()}/environ`, "utf8");
    assert.match(environment, new RegExp(`OFFSHOOT_STATE_DIR=${folder}\0`));
    assert.doesNotMatch(environment, /OFFSHOOT_SESSION=/);
  });

  it("go when nobody has needed them for a while", async () => {
    open({ timing: { lookEveryMs: 10, mostIdle: 3, mostUnanswered: 1_000_000 } });
    await start(script("idle", { text: "Done." })).outcome;
    await waitFor(() => hostPids().length === 0, "the idle host to go");
    assert.equal((await start(script("again", { text: "Done." })).outcome).status, "completed");
  });

  it("end their runs when they die, and the next run gets another one", async () => {
    open();
    const [one, two] = [start(script("dies 1", forEver)), start(script("dies 2", forEver))];
    await waitFor(() => said(one) !== "" && said(two) !== "", "both to speak");
    process.kill(onlyHost(), "SIGKILL");
    const error = {
      code: "runner_crashed",
      message: "The process of the built-in agent ended by signal SIGKILL",
      retryable: true,
      signal: "SIGKILL",
    };
    assert.deepEqual(await one.outcome, { status: "error", error, result: "Working." });
    assert.deepEqual(await two.outcome, { status: "error", error, result: "Working." });
    assert.equal((await start(script("lives", { text: "." })).outcome).status, "completed");
  });

  it("are replaced when they cannot be spoken to any more", async () => {
    open({ selfCommand: scripted({ stubborn: true }) });
    const run = start(JSON.stringify([{ say: "Bye." }, { closeOutput: true }, { hang: true }]));
    const error = await crashOf(run);
    assert.match(error?.message ?? "", /built-in agent (closed its output|ended by signal)/);
    const next = start(JSON.stringify([{ say: "Here." }]));
    assert.deepEqual(await next.outcome, { status: "completed", result: "Here." });
    await waitFor(() => hostPids().length === 1, "the mute host to go");
  });

  it("are replaced when they do not answer any more", async () => {
    open({ timing: { lookEveryMs: 50, mostIdle: 1_000_000, mostUnanswered: 20 } });
    const run = start(script("stuck", forEver));
    await waitFor(() => said(run) !== "", "a word");
    const pid = onlyHost();
    process.kill(pid, "SIGSTOP");
    const error = await crashOf(run);
    assert.equal(error?.code, "runner_crashed");
    assert.match(error?.message ?? "", /built-in agent did not answer any more and was ended$/);
    await isGone(pid);
    assert.equal((await start(script("goes on", { text: "." })).outcome).status, "completed");
  });

  it("are replaced when they do not hear a cancel, which their other runs are told", async () => {
    open();
    const grace = { termAfterMs: 50, killAfterMs: 100 };
    const one = start(script("deaf 1", forEver), { grace });
    const two = start(script("deaf 2", forEver));
    await waitFor(() => said(one) !== "" && said(two) !== "", "both to speak");
    process.kill(onlyHost(), "SIGSTOP");
    one.abort();
    assert.deepEqual(await one.outcome, { status: "aborted", result: "Working." });
    const error = await crashOf(two);
    assert.match(error?.message ?? "", /did not answer when a run was to end, and was ended$/);
  });

  it("live on when only one session of theirs is slow", async () => {
    open({ selfCommand: scripted({ deaf: true }) });
    const slow = start(JSON.stringify([{ say: "Slow." }, { hang: true }]), {
      grace: { termAfterMs: 20, killAfterMs: 10_000 },
    });
    const other = start(JSON.stringify([{ say: "Quick" }, { pauseMs: 300 }, { say: "!" }]));
    await waitFor(() => said(slow) !== "" && said(other) !== "", "both to speak");
    slow.abort();
    assert.equal((await slow.outcome).status, "aborted");
    assert.deepEqual(await other.outcome, { status: "completed", result: "Quick!" });
  });

  it("may hold so much memory and no more", async () => {
    open({
      selfCommand: [process.execPath, "--max-old-space-size=32", agentFile("leakyAgent.mjs")],
    });
    const error = await crashOf(start("leak"));
    assert.equal(error?.code, "runner_crashed");
    assert.match(error?.message ?? "", /needed more than 2048 MB/);
  });

  it("take the servers with them that they started for several runs", async () => {
    open();
    const file = join(folder, "pid");
    const code =
      "fs.writeFileSync(process.argv[1], String(process.pid)); setInterval(() => 0, 1e6)";
    const mute = { command: process.execPath, args: ["-e", code, file] };
    const run = start("never asked", { config: { kind: "model", mcpServers: { mute } } });
    const pid = Number(await waitFor(() => existsSync(file) && readFileSync(file, "utf8"), "it"));
    const environment = readFileSync(`/proc/${pid}/environ`, "utf8");
    assert.match(environment, /\0OFFSHOOT_RUN=host-/);
    assert.doesNotMatch(environment, /OFFSHOOT_SESSION|SOME_API_KEY/);
    const host = hostPids().find((one) => one !== pid);
    assert.ok(host);
    process.kill(host, "SIGKILL");
    assert.equal((await crashOf(run))?.code, "runner_crashed");
    await isGone(pid);
  });

  it("say why they do not start, and are tried again", async () => {
    open({ selfCommand: [process.execPath, "-e", "console.error('a-secret-key is no use')"] });
    for (const attempt of ["first", "second"]) {
      const error = await crashOf(start(attempt));
      assert.equal(error?.code, "runner_crashed");
      assert.match(error?.message ?? "", /exited with code 0: \[redacted\] is no use$/);
    }
  });

  it("are not waited for by a run that is to end", async () => {
    open({ selfCommand: scripted({ silent: true }) });
    const run = start("never");
    await waitFor(() => hostPids().length === 1, "the host to be there");
    run.abort();
    assert.equal((await crashOf(run))?.code, "aborted");
  });

  it("take no more runs once they are stopped", async () => {
    open();
    await start(script("last", { text: "." })).outcome;
    await hosts.stop();
    assert.deepEqual(hostPids(), []);
    assert.equal((await crashOf(start("late")))?.code, "aborted");
  });

  it("are told what was said before where they do not know it", async () => {
    open({
      selfCommand: scripted({}),
      history: async (id) => [{ role: "user", text: `asked in ${id}` }],
    });
    await start(JSON.stringify([{ say: "." }])).outcome;
    const lines = readFileSync(join(folder, "received.jsonl"), "utf8").trim().split("\n");
    const messages = lines.map((line) => JSON.parse(line) as Record<string, never>);
    const opened = messages.find(({ method }) => method === "session/new")?.["params"] as
      { _meta?: { offshoot: Record<string, unknown> } } | undefined;
    const meta = opened?._meta?.offshoot;
    assert.deepEqual(meta?.["history"], [{ role: "user", text: "asked in test-session" }]);
    assert.equal(meta?.["model"], "scripted/model");
    assert.deepEqual(meta?.["permissions"], {
      mode: "ask",
      rules: [{ tool: "*", decision: "ask" }],
    });
    assert.equal(messages.at(-1)?.["method"], "session/close");
  });

  it("refuse a run for which no model is chosen, and say how to choose one", async () => {
    open({ selfCommand: ["never started"] });
    const run = start("hello", { profile: {} });
    const error = await crashOf(run);
    assert.deepEqual([error?.code, error?.retryable], ["invalid_request", false]);
    assert.match(error?.message ?? "", /^no model is chosen.*defaultModel.*rehearsal\/planner/);
    assert.deepEqual(run.described, []);
    await hosts.stop();
  });

  it("take the model of a session above where the agent names none", async () => {
    open({ inheritedModel: () => "scripted/of-the-parent" });
    const child = start(script("child", { text: "." }), { profile: {} });
    await child.outcome;
    assert.deepEqual(child.described, [{ model: "scripted/of-the-parent" }]);
    assert.equal(server.requests.at(-1)?.body.model, "of-the-parent");
  });
});
