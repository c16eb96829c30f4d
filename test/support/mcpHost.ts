/** An MCP host for tests: the SDK's client on a tool server that it starts over stdio. */
import { join } from "node:path";
import { Client } from "@modelcontextprotocol/sdk/client/index.js";
import { StdioClientTransport } from "@modelcontextprotocol/sdk/client/stdio.js";
import type { AgentState } from "../../daemon/mcp/agentState.ts";

export interface ToolAnswer {
  text: string;
  isError: boolean;
  /** Checked by the SDK's client against the schema that the server gave. */
  data: {
    agent?: AgentState;
    agents?: AgentState[];
    subAgents?: AgentState[];
    pending?: string[];
    delivery?: string;
    hint?: string;
  };
}

export interface McpHost {
  readonly client: Client;
  readonly pid: number;
  call(tool: string, input?: Record<string, unknown>): Promise<ToolAnswer>;
  /** Ends the server as hosts do; resolves when its process is gone. */
  close(): Promise<void>;
}

export async function startMcpHost(
  environment: NodeJS.ProcessEnv,
  cwd: string,
  more: Record<string, string> = {},
): Promise<McpHost> {
  const inherited = Object.entries(environment).flatMap(([name, value]) =>
    value === undefined ? [] : [[name, value] as const],
  );
  const transport = new StdioClientTransport({
    command: process.execPath,
    args: [join(import.meta.dirname, "mcpServer.ts")],
    env: { ...Object.fromEntries(inherited), ...more },
    cwd,
  });
  const client = new Client({ name: "test-host", version: "1.0.0" });
  await client.connect(transport);
  // The client checks answers only for tools whose schemas it has seen.
  await client.listTools();
  return {
    client,
    pid: transport.pid ?? 0,
    async call(tool, input = {}) {
      const result = await client.callTool({ name: tool, arguments: input });
      const content = result.content as { type: string; text: string }[];
      return {
        text: content.map(({ text }) => text).join("\n"),
        isError: result.isError === true,
        data: result.structuredContent ?? {},
      };
    },
    close: () => client.close(),
  };
}
