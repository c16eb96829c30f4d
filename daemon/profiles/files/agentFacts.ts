/** What an agent's file says, in one shape for all vendors, and the profile that comes of it. */
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
 * The profile of a vendor's agent. Where that vendor's own agent is installed, it runs there: people
 * wrote the file for it, and its models, tools, log-in and configured MCP servers go by the same
 * names. It cannot be told which tools to do without, so permission rules keep it to them.
 * Everywhere else the built-in agent gets the prompt, the tools that mean the same, and the model
 * where the file names one outright; aliases such as "sonnet" leave the choice to the default.
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
