/** Agents that speak the Agent Client Protocol and that developers may have already. */
import type { AgentProfile } from "../../protocol/config.ts";

const known: readonly {
  name: string;
  description: string;
  command: string;
  args?: string[];
  howToGet: string;
}[] = [
  {
    name: "claude",
    description: "Claude Code, over ACP.",
    command: "claude-agent-acp",
    howToGet:
      "Install Claude Code's ACP adapter with `npm install -g @agentclientprotocol/claude-agent-acp`, and sign in once with `claude`.",
  },
  {
    name: "codex",
    description: "Codex, over ACP.",
    command: "codex-acp",
    howToGet:
      "Install Codex's ACP adapter with `npm install -g @agentclientprotocol/codex-acp`, and sign in once with `codex login`.",
  },
  {
    name: "gemini",
    description: "Gemini CLI, over ACP.",
    command: "gemini",
    args: ["--acp"],
    howToGet:
      "Install Gemini CLI with `npm install -g @google/gemini-cli`, and sign in once with `gemini`.",
  },
  {
    name: "copilot",
    description: "GitHub Copilot CLI, over ACP.",
    command: "copilot",
    args: ["--acp"],
    howToGet:
      "Install GitHub Copilot CLI with `npm install -g @github/copilot`, and sign in once with `copilot`.",
  },
  {
    name: "opencode",
    description: "opencode, over ACP.",
    command: "opencode",
    args: ["acp"],
    howToGet:
      "Install opencode with `npm install -g opencode-ai`, and sign in once with `opencode auth login`.",
  },
  {
    name: "qwen",
    description: "Qwen Code, over ACP.",
    command: "qwen",
    args: ["--acp"],
    howToGet:
      "Install Qwen Code with `npm install -g @qwen-code/qwen-code`, and sign in once with `qwen`.",
  },
  {
    name: "goose",
    description: "Goose, over ACP.",
    command: "goose",
    args: ["acp"],
    howToGet:
      "Install Goose as https://block.github.io/goose describes, and choose a provider once with `goose configure`.",
  },
];

export const builtInAcpProfiles: AgentProfile[] = known.map(
  ({ name, description, command, args }) => ({
    name,
    description,
    runner: { kind: "acp", command, ...(args && { args }) },
  }),
);

/** One sentence that says how to install the program of one of these agents. */
export function howToGet(command: string): string | undefined {
  return known.find((one) => one.command === command)?.howToGet;
}
