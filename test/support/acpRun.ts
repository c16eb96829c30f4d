/** A run of an agent that speaks ACP: what `startRun` gives, with what such runs do besides. */
import type { RunOutcome } from "../../daemon/sessions/endings.ts";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import type { Processes } from "../../daemon/processes/processes.ts";
import type {
  AdoptedChild,
  ApprovalAnswer,
  ApprovalQuestion,
  RunContext,
  Runner,
} from "../../daemon/runners/runner.ts";
import type { AcpRunner, AgentProfile, RunnerConfig } from "../../protocol/config.ts";
import type * as z from "zod";
import type { AgentEvent } from "../../protocol/events.ts";
import type { Usage } from "../../protocol/session.ts";
import { agentFile, startRun, type TestRun, type TestRunOptions } from "./runContext.ts";

export interface AdoptedRecord {
  child: AdoptedChild;
  events: AgentEvent[];
  outcomes: RunOutcome[];
}

export interface AcpRun extends TestRun {
  readonly asked: ApprovalQuestion[];
  readonly adopted: AdoptedRecord[];
  readonly usage: Partial<Usage>[];
  readonly described: { title?: string; model?: string }[];
  readonly remembered: Record<string, string>;
  /** The messages that its agent has read. */
  readonly read: string[];
  /** Sends a message to the live run. */
  tell(text: string): "injected" | "queued";
  /** What the agent received, in its order. */
  received(method?: string): Received[];
  ofType<Type extends AgentEvent["type"]>(type: Type): Extract<AgentEvent, { type: Type }>[];
  /** Texts of all notes. */
  notes(): string[];
}

export interface Received {
  id?: number;
  method?: string;
  params?: Record<string, unknown>;
  result?: Record<string, unknown>;
  error?: { code: number; message: string };
}

export interface AcpRunOptions {
  runner: Runner;
  processes: Processes;
  /** What the agent does in each turn; see agents/acp-agent.mjs. */
  steps?: object[];
  /** How it sets up. */
  setUp?: object;
  /** Instead of the scripted agent. */
  config?: RunnerConfig;
  prompt?: string;
  env?: Record<string, string>;
  mcpServers?: z.infer<typeof AcpRunner>["mcpServers"];
  instructions?: string;
  profile?: Partial<AgentProfile>;
  remembered?: Record<string, string>;
  answer?: (question: ApprovalQuestion) => ApprovalAnswer | Promise<ApprovalAnswer>;
  grace?: RunContext["grace"];
  ready?: TestRunOptions["ready"];
  cwd?: string;
}

export function startAcpRun(options: AcpRunOptions): AcpRun {
  const { runner, processes, steps = [], setUp = {}, env, mcpServers } = options;
  const asked: ApprovalQuestion[] = [];
  const adopted: AdoptedRecord[] = [];
  const usage: Partial<Usage>[] = [];
  const described: { title?: string; model?: string }[] = [];
  const remembered: Record<string, string> = { ...options.remembered };
  let take: Parameters<RunContext["onMessage"]>[0] = () => "queued";
  const read: string[] = [];

  const config = options.config ?? {
    kind: "acp",
    command: process.execPath,
    args: [agentFile("acp-agent.mjs"), JSON.stringify(setUp)],
    ...(env && { env }),
    ...(mcpServers && { mcpServers }),
  };
  const withProfile: Runner = {
    run: (context) =>
      runner.run({
        ...context,
        profile: { ...context.profile, ...options.profile },
        permissionMode: options.profile?.permissions?.mode ?? "ask",
      }),
  };
  const run = startRun({
    runner: withProfile,
    processes,
    config,
    prompt: options.prompt ?? JSON.stringify(steps),
    ...(options.instructions !== undefined && { instructions: options.instructions }),
    ...(options.ready && { ready: options.ready }),
    ...(options.cwd !== undefined && { cwd: options.cwd }),
    services: {
      ...(options.grace && { grace: options.grace }),
      async ask(question) {
        asked.push(question);
        return (await options.answer?.(question)) ?? { decision: "allowOnce" };
      },
      onMessage: (taker) => void (take = taker),
      adopt(child) {
        const record: AdoptedRecord = { child, events: [], outcomes: [] };
        adopted.push(record);
        return {
          emit: (event) => void record.events.push(event),
          addUsage: () => undefined,
          end: (outcome) => void record.outcomes.push(outcome),
        };
      },
      addUsage: (more) => void usage.push(more),
      describe: (facts) => void described.push(facts),
      remembered: { ...options.remembered },
      remember: (name, value) => void (remembered[name] = value),
      toolServer: {
        command: process.execPath,
        args: ["--version"],
        env: { OFFSHOOT_SESSION: "s" },
      },
    },
  });
  return {
    ...run,
    ...{ asked, adopted, usage, described, remembered, read },
    tell: (text) => take(text, () => void read.push(text)),
    received(method) {
      const lines = readFileSync(join(run.cwd, "received.jsonl"), "utf8").trim().split("\n");
      const all = lines.map((line) => JSON.parse(line) as Received);
      return method === undefined ? all : all.filter((one) => one.method === method);
    },
    ofType: (type) => run.events.filter((event) => event.type === type) as never,
    notes: () => run.events.flatMap((event) => (event.type === "note" ? [event.text] : [])),
  };
}
