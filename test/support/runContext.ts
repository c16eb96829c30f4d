/** Drives a runner without a scheduler: one run, with real processes and a real end of leftovers. */
import type { RunOutcome } from "../../daemon/sessions/endings.ts";
import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { runEnvironment } from "../../daemon/processes/environment.ts";
import type { Processes, ProcessRecord } from "../../daemon/processes/processes.ts";
import type { Paused, RunContext, Runner } from "../../daemon/runners/runner.ts";
import type { AgentProfile, RunnerConfig } from "../../protocol/config.ts";
import type { AgentEvent } from "../../protocol/events.ts";
import { noUsage } from "../../protocol/session.ts";
import { testFolder } from "./testFolder.ts";

const agentsFolder = join(dirname(fileURLToPath(import.meta.url)), "agents");

/** Absolute path of a tiny agent of the tests. */
export function agentFile(name: string): string {
  return join(agentsFolder, name);
}

export interface TestRun {
  readonly runId: string;
  readonly stateDir: string;
  readonly runDir: string;
  readonly cwd: string;
  readonly events: AgentEvent[];
  readonly activities: string[];
  readonly started: ProcessRecord[];
  /** What the runner said when the program had ended by itself. */
  readonly endedWith: RunOutcome[];
  readonly outcome: Promise<RunOutcome>;
  abort(): void;
  /** All texts of a stream. */
  output(stream?: "stdout" | "stderr"): string;
  /** Removes the run's folders, once it has ended. */
  remove(): void;
}

export interface TestRunOptions {
  runner: Runner;
  processes: Processes;
  config: RunnerConfig;
  prompt?: string;
  instructions?: string;
  cwd?: string;
  killAfterMs?: number;
  /** What the runner waits for before it reads more. */
  ready?: () => Promise<void>;
  onEvent?: (event: AgentEvent) => void;
  /** What the core offers to the agent; without it, everything is allowed and nothing kept. */
  services?: Partial<RunContext>;
}

let runs = 0;

export function startRun(options: TestRunOptions): TestRun {
  const { runner, processes, config, prompt = "", killAfterMs = 5000 } = options;
  const folder = mkdtempSync(join(testFolder, "run-"));
  const runId = `test-run-${process.pid}-${(runs += 1)}`;
  const paths = { stateDir: join(folder, "state"), cwd: join(folder, "work") };
  mkdirSync(paths.stateDir);
  mkdirSync(paths.cwd);
  const cwd = options.cwd ?? paths.cwd;
  const abortion = new AbortController();
  const profile: AgentProfile = {
    name: "test",
    runner: config,
    ...(options.instructions === undefined ? {} : { prompt: options.instructions }),
  };
  const record = {
    runId,
    stateDir: paths.stateDir,
    runDir: join(paths.stateDir, "runs", runId),
    cwd,
    events: [] as AgentEvent[],
    activities: [] as string[],
    started: [] as ProcessRecord[],
    endedWith: [] as RunOutcome[],
  };
  const context: RunContext = {
    session: runningSession({ runId, cwd }),
    runId,
    attempt: 1,
    prompt,
    profile,
    limits: {},
    permissionMode: "ask",
    skills: [],
    instructions: undefined,
    cwd,
    stateDir: record.stateDir,
    runDir: record.runDir,
    environment: runEnvironment({
      base: process.env,
      runId,
      sessionId: "test-session",
      stateDir: record.stateDir,
      binDir: join(record.stateDir, "bin"),
    }),
    grace: { termAfterMs: 2000, killAfterMs },
    signal: abortion.signal,
    emit: (event) => {
      record.events.push(event);
      options.onEvent?.(event);
    },
    ready: options.ready ?? (() => Promise.resolve()),
    ask: () => Promise.resolve({ decision: "allowOnce" }),
    onMessage: () => undefined,
    onPause: () => undefined,
    adopt: () => ({ emit: () => undefined, addUsage: () => undefined, end: () => undefined }),
    describe: () => undefined,
    remembered: {},
    remember: () => undefined,
    toolServer: { command: process.execPath, args: ["--version"], env: {} },
    hasTurnLeft: () => true,
    beginTurn: () => true,
    addUsage: () => undefined,
    setActivity: ({ label }) => record.activities.push(label),
    processStarted: (started) => record.started.push(started),
    async ended(outcome, leaving) {
      record.endedWith.push(outcome);
      await leaving;
      await processes.endProcesses({ find: { runId, records: record.started }, killAfterMs });
    },
    ...options.services,
  };
  return {
    ...record,
    outcome: runner.run(context).then(ended),
    abort: () => abortion.abort(),
    output: (stream = "stdout") =>
      record.events
        .map((event) => (event.type === "output" && event.stream === stream ? event.text : ""))
        .join(""),
    remove: () => rmSync(folder, { recursive: true, force: true }),
  };
}

/** Nobody asks these runs to pause. */
function ended(outcome: RunOutcome | Paused): RunOutcome {
  if (outcome.status === "paused") throw new Error("the runner paused without being asked to");
  return outcome;
}

function runningSession({ runId, cwd }: { runId: string; cwd: string }): RunContext["session"] {
  return {
    id: "test-session",
    kind: "child",
    parentId: "test-root",
    rootId: "test-root",
    depth: 1,
    title: "test",
    agent: "test",
    runner: "command",
    cwd,
    version: 1,
    createdAt: 0,
    updatedAt: 0,
    lastSeq: 0,
    messageCount: 1,
    usage: noUsage,
    treeUsage: noUsage,
    limits: {},
    status: "running",
    runId,
    attempt: 1,
    startedAt: 0,
    lastHeartbeatAt: 0,
    lastProgressAt: 0,
    stalled: false,
  };
}
