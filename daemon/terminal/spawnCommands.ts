/** `run` and `spawn`: start a sub-agent, and follow it or not. */
import { resolve } from "node:path";
import type { Command } from "commander";
import type { Limits, Session } from "../../protocol/session.ts";
import type { Client } from "../client/coreClient.ts";
import { exitCodes } from "../client/failures.ts";
import { followRun } from "./followRun.ts";
import {
  textOf,
  withCoreForRuns,
  type Bind,
  type CommonOptions,
  type Invocation,
} from "./invocation.ts";
import { count, duration, money, idOrEnd, wholeNumber } from "./optionParsers.ts";
import { present } from "../client/present.ts";
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
    .option("--no-run", "only store the sub-agent; `offshoot retry` or `offshoot send` starts it")
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
    .argument("<prompt...>", "the task, its words joined by blanks; - reads it from stdin")
    .option("-a, --agent <name>", "the agent (see `offshoot agents`)")
    .option("-t, --title <text>", "the title; default: the prompt's first line")
    .option("-m, --model <name>", "the model, as provider/model, if the agent can choose one")
    .option("-p, --parent <id>", "the parent session; default: this folder's root", idOrEnd)
    .option("-C, --cwd <dir>", "the folder to work in; default: this one")
    .option("--key <text>", "the same key always gives the same session")
    .option("--priority <n>", "a higher one runs first; default: 0", wholeNumber)
    .option("--timeout <time>", "the longest total time of the run", duration)
    .option("--idle-timeout <time>", "the longest time without an event", duration)
    .option("--max-turns <n>", "the most turns, with everything below", count)
    .option("--max-tokens <n>", "the most tokens, with everything below", count)
    .option("--max-cost <usd>", "the most US dollars, with everything below", money)
    .option("--max-tool-calls <n>", "the most tool calls, with everything below", count)
    .option("--max-children <n>", "the most sub-agents that it may ever have", count)
    .option("--max-depth <n>", "the greatest depth below it; a root has depth 0", count);
}

async function spawn(
  client: Client,
  { run, terminal }: Invocation,
  words: readonly string[],
  options: SpawnOptions,
): Promise<Session> {
  const prompt = await textOf(words, terminal, "prompt");
  const parentId =
    options.parent === undefined ? run?.sessionId : await resolveId(client, options.parent);
  const { session } = await client.call("session/spawn", {
    prompt,
    cwd: resolve(terminal.cwd, options.cwd ?? "."),
    ...present({
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
  const limits = present({
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
