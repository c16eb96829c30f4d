/**
 * The MCP servers of all sessions. Sessions with the same definition share one server, which ends
 * with the last of them.
 */
import type { McpServer } from "@agentclientprotocol/sdk";
import type { Client } from "@modelcontextprotocol/sdk/client/index.js";
import type { Transport } from "@modelcontextprotocol/sdk/shared/transport.js";
import { createHash } from "node:crypto";
import { messageOf } from "./runErrors.ts";
import { mcpTool } from "./tools/mcpTool.ts";
import type { Tool } from "./tools/tool.ts";

export interface McpPool {
  /** Starts or shares the servers. Never waits: the tools do. */
  acquire(servers: readonly McpServer[], cwd: string): McpLease;
}

export interface McpLease {
  /**
   * The tools of all servers, and a sentence for each that has none to give. A server that has
   * ended since is started again.
   */
  tools(): Promise<{ tools: Tool[]; faults: string[] }>;
  release(): Promise<void>;
}

interface Shared {
  users: number;
  /** Aborted with the last user, so that nobody waits for a server that never answers. */
  end: AbortController;
  connection: Promise<{ client: Client; tools: Tool[] }> | undefined;
}

const connectMs = 30_000;
/** Ours decides by itself about what its tools do, and models know them by these names. */
const ownServer = "offshoot";

export function createMcpPool(parts: {
  /** What servers start with; without keys. */
  environment: () => Record<string, string>;
  version: string;
}): McpPool {
  const shared = new Map<string, Shared>();

  const connect = async (server: McpServer, cwd: string, entry: Shared) => {
    const { Client } = await import("@modelcontextprotocol/sdk/client/index.js");
    const client = new Client({ name: "offshoot", version: parts.version });
    const { transport, readFault } = await openTransport(server, cwd, parts.environment());
    try {
      await client.connect(transport, { timeout: connectMs, signal: entry.end.signal });
      const tools = await listTools(client, server.name);
      // oxlint-disable-next-line unicorn/prefer-add-event-listener -- a client is no event target
      client.onclose = () => (entry.connection = undefined);
      return { client, tools };
    } catch (error) {
      // The client closes it as well, but does not wait.
      await transport.close().catch(() => undefined);
      throw new Error(`${messageOf(error)}${readFault()}`, { cause: error });
    }
  };

  return {
    acquire(servers, cwd) {
      const used = servers.map((server) => {
        const key = hashOf([server, "command" in server ? cwd : ""]);
        const entry = shared.get(key) ?? {
          users: 0,
          end: new AbortController(),
          connection: undefined,
        };
        shared.set(key, entry);
        entry.users += 1;
        return { key, entry, server };
      });
      const open = async ({ entry, server }: (typeof used)[number]) => {
        entry.connection ??= connect(server, cwd, entry);
        const { connection } = entry;
        try {
          return await connection;
        } catch (error) {
          // The next prompt tries again.
          if (entry.connection === connection) entry.connection = undefined;
          throw error;
        }
      };
      for (const one of used) void open(one).catch(() => undefined);
      let released = false;
      return {
        async tools() {
          const opened = await Promise.allSettled(used.map(open));
          const faults = opened.flatMap((result, index) =>
            result.status === "fulfilled"
              ? []
              : [`MCP server ${used[index]?.server.name}: ${messageOf(result.reason)}`],
          );
          const tools = opened.flatMap((result) =>
            result.status === "fulfilled" ? result.value.tools : [],
          );
          return { tools, faults };
        },
        async release() {
          if (released) return;
          released = true;
          await Promise.all(
            used.map(async ({ key, entry }) => {
              entry.users -= 1;
              if (entry.users > 0) return;
              shared.delete(key);
              entry.end.abort();
              const connection = await entry.connection?.catch(() => undefined);
              await connection?.client.close().catch(() => undefined);
            }),
          );
        },
      };
    },
  };
}

async function openTransport(
  server: McpServer,
  cwd: string,
  environment: Record<string, string>,
): Promise<{ transport: Transport; readFault(): string }> {
  if ("url" in server) {
    if (server.type !== "http") throw new Error(`the transport ${server.type} is not spoken here`);
    const { StreamableHTTPClientTransport } =
      await import("@modelcontextprotocol/sdk/client/streamableHttp.js");
    const headers = Object.fromEntries(server.headers.map(({ name, value }) => [name, value]));
    const options = { requestInit: { headers } };
    const transport = new StreamableHTTPClientTransport(new URL(server.url), options);
    return { transport, readFault: () => "" };
  }
  const { createStdioTransport } = await import("./mcpStdio.ts");
  const { command: program, args, env } = server;
  const own = Object.fromEntries(env.map(({ name, value }) => [name, value]));
  const { transport, lastWords } = createStdioTransport({
    program,
    args,
    cwd,
    environment: { ...environment, ...own },
  });
  const readFault = () => (lastWords() === "" ? "" : `; it said: ${lastWords().trim()}`);
  return { transport, readFault };
}

async function listTools(client: Client, server: string): Promise<Tool[]> {
  const tools: Tool[] = [];
  for (let cursor: string | undefined; ;) {
    const page = await client.listTools(cursor === undefined ? {} : { cursor });
    for (const { name, description, inputSchema } of page.tools) {
      tools.push(
        mcpTool({
          client,
          server,
          remoteName: name,
          name: server === ownServer ? name : prefixed(server, name),
          description: description ?? "",
          inputSchema,
          decidesItself: server === ownServer,
        }),
      );
    }
    cursor = page.nextCursor;
    if (cursor === undefined) return tools;
  }
}

/** Providers take letters, digits, - and _ only, and 64 of them. */
function prefixed(server: string, tool: string): string {
  const name = `mcp__${server}__${tool}`.replaceAll(/[^\w-]/g, "_");
  return name.length <= 64 ? name : `${name.slice(0, 55)}_${hashOf(name).slice(0, 8)}`;
}

function hashOf(value: unknown): string {
  return createHash("sha256").update(JSON.stringify(value)).digest("hex");
}
