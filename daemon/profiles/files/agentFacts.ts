/** What an agent's file holds, in one shape for all vendors, and the profile that it becomes. */
import type { AgentProfile, Permissions, RunnerConfig } from "../../../protocol/config.ts";
import type { Limits } from "../../../protocol/session.ts";
import { meansAll, ownTools, rulesForTools } from "./toolNames.ts";

export type Vendor = "claude" | "codex" | "gemini" | "opencode" | "copilot";
export type AcpRunner = Extract<RunnerConfig, { kind: "acp" }>;
export type McpServers = NonNullable<AcpRunner["mcpServers"]>;

export interface AgentFacts {
  name: string;
  description?: string | undefined;
  prompt: string;
  /** As the file names it. */
  model?: string | undefined;
  /** The only tools that it may have; absent: all. Names are the vendor's. */
  tools?: string[] | undefined;
  permissions?: Permissions | undefined;
  limits?: Limits | undefined;
  mcpServers?: McpServers | undefined;
}

/**
 * The profile of a vendor's agent. Where that vendor's own program is installed, the agent runs on
 * it: the file was written for that program, and models, tools, log-in and MCP servers have the
 * same names there. The program has no option for the list of tools, so permission rules stand in
 * for it. Elsewhere the agent runs on the built-in agent, with the prompt, the equivalent tools, and
 * the model where the file names one in full; with an alias such as "sonnet", the default model.
 */
export function profileOf(facts: AgentFacts, vendorRunner: AcpRunner | undefined): AgentProfile {
  const { name, description, prompt, limits, mcpServers } = facts;
  const tools = facts.tools === undefined || meansAll(facts.tools) ? undefined : facts.tools;
  const model = vendorRunner === undefined ? ownModel(facts.model) : vendorModel(facts.model);
  const rules = [
    ...(tools === undefined ? [] : rulesForTools(tools)),
    ...(facts.permissions?.rules ?? []),
  ];
  const permissions = { ...facts.permissions, ...(rules.length > 0 && { rules }) };
  const servers = { ...vendorRunner?.mcpServers, ...mcpServers };
  return {
    name,
    ...(description !== undefined && { description }),
    prompt,
    ...(model !== undefined && { model }),
    ...(limits !== undefined && Object.keys(limits).length > 0 && { limits }),
    ...(Object.keys(permissions).length > 0 && { permissions }),
    runner: {
      ...(vendorRunner ?? {
        kind: "model",
        ...(tools !== undefined && { tools: ownTools(tools) }),
      }),
      ...(Object.keys(servers).length > 0 && { mcpServers: servers }),
    },
  };
}

function vendorModel(model: string | undefined): string | undefined {
  return model === "inherit" || model === "" ? undefined : model;
}

const families: readonly (readonly [RegExp, provider: string])[] = [
  [/^claude-\w/, "anthropic"],
  [/^(gpt-|codex-|o\d)/, "openai"],
  [/^gemini-\w/, "google"],
];

/** `provider/model` of a whole name; nothing for an alias, a name for people, or "inherit". */
function ownModel(model: string | undefined): string | undefined {
  if (model === undefined || /\s/.test(model)) return undefined;
  if (/^[\w-]+\/./.test(model)) return model;
  const provider = families.find(([family]) => family.test(model))?.[1];
  return provider === undefined ? undefined : `${provider}/${model}`;
}
