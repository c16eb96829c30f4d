/** `run` and `spawn`: hand a prompt to an agent, with or without staying to watch. */
import { resolve } from "node:path";
import { text as readAll } from "node:stream/consumers";
import type { Command } from "commander";
import type { Limits, Session } from "../../protocol/session.ts";
import type { Client } from "../client/coreClient.ts";
import { exitCodes, usageFailure } from "../client/failures.ts";
import { followRun } from "./followRun.ts";
import { withCoreForRuns, type Bind, type CommonOptions, type Invocation } from "./invocation.ts";
import { count, duration, money, idOrEnd, wholeNumber } from "./optionParsers.ts";
import { resolveId } from "../client/sessionIds.ts";

interface SpawnOptions extends CommonOptions, Limits {
  readonly agent?: string;
  readonly title?: string;
  readonly model?: string;
  readonly parent?: string;
  readonly cwd?: string;
  readonly key?: string;
  readonly priority?: number;
  readonly timeout?: number;
  readonly idleTimeout?: number;
  readonly maxCost?: number;
  readonly run: boolean;
}

export function addSpawnCommands(program: Command, bind: Bind): void {
  const run = program
    .command("run")
    .description("run a sub-agent and follow it; Ctrl-C leaves it running")
    .action(
      bind(async (invocation, [words]: [string[]], options: SpawnOptions) =>
        withCoreForRuns(invocation, async (client) => {
          const session = await spawn(client, invocation, words, { ...options, run: true });
          invocation.output.value({ session });
          return await followRun(invocation, client, session, 0);
        }),
      ),
    );
  const spawnOnly = program
    .command("spawn")
    .description("start a sub-agent and print its id")
    .option("--no-run", "store it only; `offshoot retry` or `offshoot send` starts it")
    .action(
      bind(async (invocation, [words]: [string[]], options: SpawnOptions) =>
        withCoreForRuns(invocation, async (client) => {
          const session = await spawn(client, invocation, words, options);
          invocation.output.value({ session });
          invocation.output.line(session.id);
          return exitCodes.ok;
        }),
      ),
    );
  for (const command of [run, spawnOnly]) addSpawnOptions(command);
}

function addSpawnOptions(command: Command): void {
  command
    .argument("<prompt...>", "what to do, its words joined by blanks; - reads it from stdin")
    .option("-a, --agent <name>", "the agent (see `offshoot agents`)")
    .option("-t, --title <text>", "how it is shown; else the prompt's first line")
    .option("-m, --model <name>", "the model, for an agent that can choose")
    .option("-p, --parent <id>", "the session to hang it under; else this folder's root", idOrEnd)
    .option("-C, --cwd <dir>", "the folder to work in; else this one")
    .option("--key <text>", "the same key always gives the same session")
    .option("--priority <n>", "higher runs first; 0", wholeNumber)
    .option("--timeout <time>", "total time of the run", duration)
    .option("--idle-timeout <time>", "time without any sign of life", duration)
    .option("--max-turns <n>", "turns, with all sub-agents", count)
    .option("--max-tokens <n>", "tokens, with all sub-agents", count)
    .option("--max-cost <usd>", "US dollars, with all sub-agents", money)
    .option("--max-tool-calls <n>", "tool calls, with all sub-agents", count)
    .option("--max-children <n>", "sub-agents that it may ever have", count)
    .option("--max-depth <n>", "how deep its tree may go; a root has 0", count);
}

async function spawn(
  client: Client,
  { run, terminal }: Invocation,
  words: readonly string[],
  options: SpawnOptions,
): Promise<Session> {
  const prompt =
    words.length === 1 && words[0] === "-" ? await readAll(terminal.stdin) : words.join(" ");
  if (prompt.trim() === "") throw usageFailure("the prompt is empty");
  const parentId =
    options.parent === undefined ? run?.sessionId : await resolveId(client, options.parent);
  const { session } = await client.call("session/spawn", {
    prompt,
    cwd: resolve(terminal.cwd, options.cwd ?? "."),
    ...withoutAbsent({
      parentId,
      agent: options.agent,
      title: options.title,
      model: options.model,
      requestKey: options.key,
      priority: options.priority,
      autoRun: options.run ? undefined : false,
      limits: limitsOf(options),
    }),
  });
  return session;
}

function limitsOf(options: SpawnOptions): Limits | undefined {
  const { maxTurns, maxTokens, maxToolCalls, maxChildren, maxDepth } = options;
  const limits = withoutAbsent({
    timeoutMs: options.timeout,
    idleTimeoutMs: options.idleTimeout,
    maxCostUsd: options.maxCost,
    maxTurns,
    maxTokens,
    maxToolCalls,
    maxChildren,
    maxDepth,
  });
  return Object.keys(limits).length === 0 ? undefined : limits;
}

type Present<T> = { [K in keyof T]?: Exclude<T[K], undefined> };

/** Absent means unchanged on the wire, and a key that holds undefined is not absent. */
function withoutAbsent<T extends object>(fields: T): Present<T> {
  return Object.fromEntries(
    Object.entries(fields).filter(([, value]) => value !== undefined),
  ) as Present<T>;
}
