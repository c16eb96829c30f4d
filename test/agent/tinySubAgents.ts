/**
 * The sub-agent tools without a core: every sub-agent is the built-in agent in a process of its
 * own. They answer as the tools of `offshoot mcp` do.
 */
import { McpServer } from "@modelcontextprotocol/sdk/server/mcp.js";
import { StdioServerTransport } from "@modelcontextprotocol/sdk/server/stdio.js";
import * as z from "zod";
import { startAgent } from "./agentClient.ts";

interface SubAgent {
  id: string;
  title: string;
  status: "running" | "completed" | "error";
  finished: boolean;
  result?: string;
  detail?: string;
  ended: Promise<unknown>;
}

const subAgents = new Map<string, SubAgent>();
const cwd = process.cwd();

async function work(subAgent: SubAgent, prompt: string): Promise<void> {
  try {
    if (prompt.includes('"broken"')) throw new Error("no such area");
    const agent = await startAgent();
    const session = await agent.open({
      cwd,
      meta: { model: "rehearsal/planner", permissions: { mode: "auto" } },
    });
    await session.prompt(prompt);
    Object.assign(subAgent, { status: "completed", result: session.text() });
    await agent.end();
  } catch (error) {
    Object.assign(subAgent, { status: "error", detail: (error as Error).message });
  }
  subAgent.finished = true;
}

function answer(data: Record<string, unknown>) {
  return {
    content: [{ type: "text" as const, text: JSON.stringify(data) }],
    structuredContent: data,
  };
}

const shown = ({ ended: _ended, ...state }: SubAgent) => state;

const server = new McpServer({ name: "offshoot", version: "1.0.0" });
server.registerTool(
  "spawn_agent",
  { inputSchema: { prompt: z.string(), title: z.string(), agent: z.string().optional() } },
  ({ prompt, title, agent }) => {
    if (agent !== "surveyor") throw new Error(`there is no agent ${agent}`);
    const id = `sub-${subAgents.size + 1}`;
    const subAgent: SubAgent = {
      id,
      title,
      status: "running",
      finished: false,
      ended: Promise.resolve(),
    };
    subAgent.ended = work(subAgent, prompt);
    subAgents.set(id, subAgent);
    return answer({ agent: shown(subAgent) });
  },
);
server.registerTool(
  "wait_agent",
  { inputSchema: { ids: z.array(z.string()) } },
  async ({ ids }) => {
    const wanted = ids.flatMap((id) => subAgents.get(id) ?? []);
    // The first that ends is enough: who waits has to call again.
    await Promise.race(wanted.map(({ ended }) => ended));
    const pending = wanted.filter(({ finished }) => !finished).map(({ id }) => id);
    return answer({ agents: wanted.map(shown), pending });
  },
);
server.registerTool("list_agents", {}, () =>
  answer({
    subAgents: [],
    agents: [
      { name: "other", model: "anthropic/x", available: true },
      { name: "surveyor", model: "rehearsal/planner", available: true },
    ],
  }),
);
await server.connect(new StdioServerTransport());
