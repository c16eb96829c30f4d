/** The agents that are always there and run on the built-in agent, and whether they can work. */
import type { AgentProfile, Config } from "../../protocol/config.ts";
import { hotFilesCommand } from "../agent/contract/hotFiles.ts";
import { chooseProvider } from "../agent/contract/providers.ts";
import { messageOf } from "../base/errors.ts";

/** Their profiles; see `whyModelIsMissing` for whether they can work here. */
export const builtInModelAgents: readonly AgentProfile[] = [
  {
    name: "rehearsal",
    description: "Surveys a repository with the real tools and sub-agents. No language model.",
    model: "rehearsal/planner",
    runner: { kind: "model" },
    // The one command that it runs reads the history, and is known beforehand.
    permissions: { rules: [{ tool: "run_command", pattern: hotFilesCommand, decision: "allow" }] },
  },
  {
    name: "model",
    description: "The built-in agent on a model of your choice, such as anthropic/claude-sonnet-5.",
    runner: { kind: "model" },
  },
];

/** What decides whether a model can be asked. */
export interface ModelWorld {
  providers: Config["providers"];
  /** Of agents that name no model. */
  defaultModel: string | undefined;
  /** The core's: it holds keys of providers. */
  environment: NodeJS.ProcessEnv;
  /** Keys that clients gave, by provider. */
  apiKeys: Readonly<Record<string, string>>;
  /** Models that connected windows offer, by id. */
  editorModels: ReadonlyMap<string, unknown>;
}

/**
 * For an agent with a runner of the kind "model": why its model cannot be asked, and what to do
 * about it, in one sentence; nothing where it can. `profile.model` counts before `defaultModel` and
 * the environment's OFFSHOOT_MODEL.
 */
export function whyModelIsMissing(profile: AgentProfile, world: ModelWorld): string | undefined {
  const { providers, environment, apiKeys } = world;
  const model = profile.model ?? world.defaultModel ?? environment["OFFSHOOT_MODEL"] ?? "";
  if (model === "rehearsal" || model.startsWith("rehearsal/")) return undefined;
  if (model.startsWith("vscode/")) return whyNoEditor(model.slice(7), world.editorModels);
  try {
    const given = apiKeys[model.split("/")[0] ?? ""];
    chooseProvider(model, providers, { environment, given });
    return undefined;
  } catch (error) {
    return messageOf(error);
  }
}

function whyNoEditor(id: string, offered: ReadonlyMap<string, unknown>): string | undefined {
  if (offered.has(id)) return undefined;
  return (
    `no connected window offers the model vscode/${id}; open one that has it and let sub-agents ` +
    "use the editor's models there"
  );
}
