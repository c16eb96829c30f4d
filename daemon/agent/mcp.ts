/**
 * The MCP servers of all sessions. Sessions of one tree with the same definition share one server,
 * which ends with the last of them.
 */
import type { McpServer } from "@agentclientprotocol/sdk";
import type { Client } from "@modelcontextprotocol/sdk/client/index.js";
import type { Transport } from "@modelcontextprotocol/sdk/shared/transport.js";
import { createHash } from "node:crypto";
import type { Processes } from "../processes/processes.ts";
import { messageOf } from "../base/errors.ts";
import { mcpTool } from "./tools/mcpTool.ts";
import type { Tool } from "./tools/tool.ts";

export type McpPool = ReturnType<typeof createMcpPool>;

interface McpWish {
  servers: readonly McpServer[];
  cwd: string;
  /** The environment of the servers, to which each adds its own. */
  environment: Record<string, string>;
  /** Only sessions with the same `tree` share servers. */
  tree: string | undefined;
}

export interface McpLease {
  /** The tools of all servers, and one sentence for each server that failed. */
  tools(): Promise<{ tools: Tool[]; faults: string[] }>;
  release(): Promise<void>;
}

/** A tool as its server describes it. */
interface Listed {
  name: string;
  description: string;
  inputSchema: object;
}

interface Connected {
  client: Client;
  listed: Listed[];
}

interface Shared {
  users: number;
  /**
   * Aborted when the last session leaves, so that nothing waits for a server that never answers.
   */
  end: AbortController;
  connection: Promise<Connected> | undefined;
}

const connectMs = 30_000;
/**
 * Offshoot's own server decides about its tools itself, and models know its tools by these names.
 */
const ownServer = "offshoot";

/** `version` is the version of the package. */
export function createMcpPool(version: string, processes: Processes) {
  const shared = new Map<string, Shared>();
  /**
   * Offshoot's own server offers every session the same tools, and many sessions never use them.
   * Each session has a server of its own, which starts with the first call as soon as any such
   * server has listed its tools.
   */
  const ownTools = new Map<string, Promise<Listed[]>>();

  const connect = async (server: McpServer, wanted: McpWish, entry: Shared): Promise<Connected> => {
    const { Client } = await import("@modelcontextprotocol/sdk/client/index.js");
    const client = new Client({ name: "offshoot", version });
    const { transport, readFault } = await openTransport(server, { ...wanted, processes });
    try {
      await client.connect(transport, { timeout: connectMs, signal: entry.end.signal });
      const listed = await listTools(client);
      // oxlint-disable-next-line unicorn/prefer-add-event-listener -- a client is no event target
      client.onclose = () => (entry.connection = undefined);
      return { client, listed };
    } catch (error) {
      // The client closes the transport too, but does not wait for that.
      await transport.close().catch(() => undefined);
      throw new Error(`${messageOf(error)}${readFault()}`, { cause: error });
    }
  };

  /** Returns the server, started again if it has ended. */
  const open = async (server: McpServer, wanted: McpWish, entry: Shared): Promise<Connected> => {
    if (entry.end.signal.aborted) throw new Error("the session was closed");
    entry.connection ??= connect(server, wanted, entry);
    const { connection } = entry;
    try {
      return await connection;
    } catch (error) {
      // The next prompt starts the server again.
      if (entry.connection === connection) entry.connection = undefined;
      throw error;
    }
  };

  const list = async (server: McpServer, opened: () => Promise<Connected>): Promise<Listed[]> => {
    const read = async () => (await opened()).listed;
    if (server.name !== ownServer || !("command" in server)) return await read();
    const program = hashOf([server.command, server.args]);
    const known = await ownTools.get(program)?.catch(() => undefined);
    if (known !== undefined) return known;
    const reading = read();
    ownTools.set(program, reading);
    return await reading;
  };

  return {
    /** Starts the servers or shares running ones. Returns at once; `tools` waits for the servers. */
    acquire(wanted: McpWish): McpLease {
      const { servers, cwd, environment, tree } = wanted;
      const used = servers.map((server) => {
        const place = "command" in server ? [cwd, environment] : [];
        const key = hashOf([tree, server, ...place]);
        const entry = shared.get(key) ?? {
          users: 0,
          end: new AbortController(),
          connection: undefined,
        };
        shared.set(key, entry);
        entry.users += 1;
        const opened = () => open(server, wanted, entry);
        return { key, entry, server, opened, listed: () => list(server, opened) };
      });
      for (const { listed } of used) void listed().catch(() => undefined);
      let released = false;
      return {
        async tools() {
          const answers = await Promise.allSettled(used.map(({ listed }) => listed()));
          const faults: string[] = [];
          const tools: Tool[] = [];
          for (const [index, { server, opened }] of used.entries()) {
            const answer = answers[index];
            if (answer?.status === "fulfilled")
              tools.push(...toolsOf(server, answer.value, opened));
            else faults.push(`MCP server ${server.name}: ${messageOf(answer?.reason)}`);
          }
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

function toolsOf(
  server: McpServer,
  listed: readonly Listed[],
  opened: () => Promise<Connected>,
): Tool[] {
  const isOwn = server.name === ownServer;
  return listed.map(({ name: remoteName, description, inputSchema }) => {
    // The name is the one that other agents use, so that our own tools are not taken for a
    // sub-agent.
    const shownName = prefixed(server.name, remoteName);
    return mcpTool({
      client: async () => (await opened()).client,
      server: server.name,
      name: isOwn ? remoteName : shownName,
      decidesItself: isOwn,
      ...{ remoteName, shownName, description, inputSchema },
    });
  });
}

async function openTransport(
  server: McpServer,
  { cwd, environment, processes }: McpWish & { processes: Processes },
): Promise<{ transport: Transport; readFault(): string }> {
  if ("url" in server) {
    if (server.type !== "http") throw new Error(`the transport ${server.type} is not supported`);
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
    processes,
  });
  const readFault = () => (lastWords() === "" ? "" : `; it said: ${lastWords().trim()}`);
  return { transport, readFault };
}

async function listTools(client: Client): Promise<Listed[]> {
  const listed: Listed[] = [];
  for (let cursor: string | undefined; ;) {
    const page = await client.listTools(cursor === undefined ? {} : { cursor });
    for (const { name, description = "", inputSchema } of page.tools) {
      listed.push({ name, description, inputSchema });
    }
    cursor = page.nextCursor;
    if (cursor === undefined) return listed;
  }
}

/** Providers accept only letters, digits, - and _, at most 64 of them. */
function prefixed(server: string, tool: string): string {
  const name = `mcp__${server}__${tool}`.replaceAll(/[^\w-]/g, "_");
  return name.length <= 64 ? name : `${name.slice(0, 55)}_${hashOf(name).slice(0, 8)}`;
}

function hashOf(value: unknown): string {
  return createHash("sha256").update(JSON.stringify(value)).digest("hex");
}
