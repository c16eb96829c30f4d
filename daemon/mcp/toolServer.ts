/**
 * `offshoot mcp`: the sub-agent tools as an MCP server over stdio, for any agent and any MCP host.
 *
 * Inside a run, which the environment names, the server is bound to that run's session: sub-agents
 * that it spawns are children of that session, and a wait gives the run's slot back. Outside of a
 * run it works under the root of its folder. It is connected to the core only while a tool works.
 * So it never keeps a core alive, is never taken for a person who could answer an approval, and is
 * not affected when a core is replaced.
 */
import type { Socket } from "node:net";
import type { Readable, Writable } from "node:stream";
import { McpServer } from "@modelcontextprotocol/sdk/server/mcp.js";
import { StdioServerTransport } from "@modelcontextprotocol/sdk/server/stdio.js";
import { openClient, type Greeting } from "../client/coreClient.ts";
import { VERSION } from "../base/version.ts";
import { CoreAccess } from "./coreAccess.ts";
import { OwnSession } from "./ownSession.ts";
import { addSubAgentTools } from "./subAgentTools.ts";

export interface ToolServerOptions {
  readonly stdin: Readable;
  readonly stdout: Writable;
  /** The run that the server is bound to; absent outside of a run. */
  readonly run: Greeting["run"];
  readonly environment: NodeJS.ProcessEnv;
  /** Absolute: the folder to work in. */
  readonly cwd: string;
  /** Joins the core, or starts one; rejects with a JoinError. */
  connect(): Promise<Socket>;
  /** Bound of every wait; 45,000 by default, because hosts end a tool call after 50 to 60 seconds. */
  readonly longestWaitMs?: number;
}

/** Serves until the host closes the streams; resolves with the exit code when all has ended. */
export async function runToolServer(options: ToolServerOptions): Promise<number> {
  const { stdin, stdout, cwd, environment, run } = options;
  const greeting: Greeting = { cwd, environment, ...(run && { run }) };
  const core = new CoreAccess(async () => openClient(await options.connect(), greeting));
  const server = new McpServer(
    { name: "offshoot", title: "Offshoot sub-agents", version: VERSION },
    { instructions },
  );
  const own = new OwnSession({ run, cwd });
  const { longestWaitMs = 45_000 } = options;
  addSubAgentTools(server, { core, own, cwd, longestWaitMs, unreported: new Set() });

  const gone = Promise.withResolvers<void>();
  const leave = () => gone.resolve();
  stdin.once("end", leave).once("close", leave).on("error", leave);
  stdout.once("close", leave).on("error", leave);
  await server.connect(new StdioServerTransport(stdin, stdout));
  await gone.promise;
  await server.close();
  await core.close();
  return 0;
}

const instructions =
  "Hand work to sub-agents that run in parallel, each with a conversation of its own that knows " +
  "nothing but its prompt. Spawn all that are independent of each other first, then call " +
  "wait_agent for their results. list_agents shows which agents can be spawned. Sub-agents continue " +
  "when you do not wait, and their results are kept.";
