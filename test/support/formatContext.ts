/** A run of a program that prints JSON: what `startRun` gives, with what such runs do besides. */
import type { RunOutcome } from "../../daemon/sessions/endings.ts";
import type { Processes } from "../../daemon/processes/processes.ts";
import type {
  AdoptedChild,
  ApprovalAnswer,
  ApprovalQuestion,
  RunContext,
  Runner,
} from "../../daemon/runners/runner.ts";
import type { CommandRunner } from "../../protocol/config.ts";
import type { AgentEvent } from "../../protocol/events.ts";
import { noUsage, type Usage } from "../../protocol/session.ts";
import { agentFile, startRun, type TestRun } from "./runContext.ts";

export interface AdoptedRecord {
  child: AdoptedChild;
  events: AgentEvent[];
  usage: Usage;
  /** More than one only if it was ended twice. */
  outcomes: RunOutcome[];
}

export interface FormatRun extends TestRun {
  readonly adopted: AdoptedRecord[];
  readonly usage: Usage;
  readonly asked: ApprovalQuestion[];
  readonly described: { title?: string; model?: string }[];
  readonly remembered: Record<string, string>;
  /** The messages that its agent has read. */
  readonly read: string[];
  /** Sends a message to the live run. */
  send(text: string): "injected" | "queued";
  ofType<Type extends AgentEvent["type"]>(type: Type): Extract<AgentEvent, { type: Type }>[];
}

export interface FormatRunOptions {
  runner: Runner;
  processes: Processes;
  format: NonNullable<CommandRunner["format"]>;
  /** File name of a tiny agent, and its arguments. */
  agent: string;
  args?: string[];
  promptVia?: CommandRunner["promptVia"];
  prompt?: string;
  remembered?: Record<string, string>;
  termAfterMs?: number;
  answer?: (question: ApprovalQuestion, signal: AbortSignal) => Promise<ApprovalAnswer>;
}

export function startFormatRun(options: FormatRunOptions): FormatRun {
  const { runner, processes, format, agent, args = [], promptVia, prompt = "do it" } = options;
  const extra = {
    adopted: [] as AdoptedRecord[],
    usage: { ...noUsage },
    asked: [] as ApprovalQuestion[],
    described: [] as { title?: string; model?: string }[],
    remembered: { ...options.remembered },
    read: [] as string[],
  };
  let take: Parameters<RunContext["onMessage"]>[0] = () => "queued";

  const contextOf = (context: RunContext): RunContext => ({
    ...context,
    grace: { ...context.grace, termAfterMs: options.termAfterMs ?? context.grace.termAfterMs },
    remembered: { ...extra.remembered },
    remember: (name, value) => void (extra.remembered[name] = value),
    describe: (facts) => void extra.described.push(facts),
    addUsage: (more) => addTo(extra.usage, more),
    onMessage: (taker) => void (take = taker),
    toolServer: { command: "offshoot", args: ["mcp"], env: {} },
    ask(question) {
      extra.asked.push(question);
      const allow = () => Promise.resolve({ decision: "allowOnce" } as const);
      return (options.answer ?? allow)(question, context.signal);
    },
    adopt(child) {
      const record = { child, events: [], usage: { ...noUsage }, outcomes: [] } as AdoptedRecord;
      extra.adopted.push(record);
      return {
        emit: (event) => void record.events.push(event),
        addUsage: (more) => addTo(record.usage, more),
        end: (outcome) => void record.outcomes.push(outcome),
      };
    },
  });

  const run = startRun({
    runner: { run: (context) => runner.run(contextOf(context)) },
    processes,
    prompt,
    config: {
      kind: "command",
      command: process.execPath,
      args: [agentFile(agent), ...args],
      format,
      ...(promptVia && { promptVia }),
    },
  });
  return {
    ...run,
    ...extra,
    send: (text) => take(text, () => void extra.read.push(text)),
    ofType: <Type extends AgentEvent["type"]>(type: Type) =>
      run.events.filter(
        (event): event is Extract<AgentEvent, { type: Type }> => event.type === type,
      ),
  };
}

function addTo(usage: Usage, more: Partial<Usage>): void {
  for (const name of Object.keys(usage) as (keyof Usage)[]) usage[name] += more[name] ?? 0;
}
