/**
 * What the agent of a run may spawn: a child never gets more than its parent. The child stays in the
 * parent's folder; and an agent that has to ask before it runs a command also has to ask before it
 * hands that command to a program that asks nobody. Programs are not bound: whatever they spawn a
 * sub-agent for, they could do by themselves.
 */
import { realpath } from "node:fs/promises";
import { OffshootError } from "../../protocol/errors.ts";
import type { AgentProfile } from "../../protocol/config.ts";
import { InvalidParams } from "../base/invalidParams.ts";
import { isInside } from "../base/paths.ts";
import { isPlainProgram } from "./rules.ts";
import type { ApprovalQuestion, RunContext } from "../runners/runner.ts";
import type { StoredSession } from "../sessions/records.ts";

/** What a spawn needs of the run that wants to spawn. */
interface Spawner {
  /** Asks for permission on behalf of the agent, during an attempt. */
  readonly ask: RunContext["ask"] | undefined;
  /** Prompts of sub-agents that a person has allowed when the agent itself asked. */
  readonly spawnsAllowed: Set<string>;
}

interface Wanted {
  profile: AgentProfile;
  prompt: string;
  /** Absolute; the folder exists. */
  folder: string;
}

/**
 * Resolves with the prompt, which a person may have changed. Throws 1005 `notTrusted` where it is
 * not allowed, and -32602 for another folder.
 */
export async function permissionToSpawn(
  parent: StoredSession,
  run: Spawner | undefined,
  { profile, prompt, folder }: Wanted,
): Promise<string> {
  if (isPlainProgram(parent.profile)) return prompt;
  const { cwd } = parent.session;
  if (!isInside(await realPath(folder), await realPath(cwd))) {
    const message = `has to lie in ${cwd}, the folder of the session that spawns it`;
    throw new InvalidParams([{ path: "cwd", message }]);
  }
  const title = `Spawn ${profile.name}: ${prompt}`;
  const input = { agent: profile.name, prompt };
  await permissionFor(run, {
    ...{ toolName: "spawn_agent", kind: "think", title, input, subject: profile.name },
  });
  const command = commandOf(profile, prompt);
  // A person may have allowed the prompt already, when the agent itself asked.
  if (command === undefined || run?.spawnsAllowed.delete(prompt) === true) return prompt;
  const changed = await permissionFor(run, {
    ...{ toolName: "run_command", kind: "execute", title: command, subject: command },
    input: { command },
  });
  if (changed === undefined || changed === command) return prompt;
  if (command === prompt) return changed;
  throw refusal("the input of this cannot be changed; deny it with a message instead");
}

/** The path without links; a folder that has gone meanwhile keeps its name. */
async function realPath(path: string): Promise<string> {
  return await realpath(path).catch(() => path);
}

/** Asks; resolves with the command where a person has changed it. Throws 1005 for a denial. */
async function permissionFor(
  run: Spawner | undefined,
  question: ApprovalQuestion,
): Promise<string | undefined> {
  if (run?.ask === undefined) throw refusal("the run that wants it has ended");
  const { decision, message, input } = await run.ask(question);
  if (decision !== "allowOnce") throw refusal(message ?? `it was answered with ${decision}`);
  const { command } = (input ?? {}) as { command?: unknown };
  return typeof command === "string" ? command : undefined;
}

function refusal(why: string): OffshootError {
  return new OffshootError("notTrusted", `this must not be spawned: ${why}`, {});
}

/** The command line of a program that runs without asking anybody; of a shell only its prompt. */
function commandOf({ runner }: AgentProfile, prompt: string): string | undefined {
  if (runner.kind !== "command" || runner.format === "claude-stream-json") return undefined;
  const { command, args = [] } = runner;
  if (args.length === 2 && args[0] === "-c" && args[1] === "{prompt}") return prompt;
  return [command, ...args].map((part) => part.replaceAll("{prompt}", prompt)).join(" ");
}
