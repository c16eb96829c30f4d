/**
 * `offshoot mcp`: the sub-agent tools as an MCP server over stdio, for any agent and any MCP host.
 *
 * Inside a run, which the environment names, it is bound to that run's session: what it spawns are
 * that session's children, and a wait gives the run's slot back. By hand it works under the root of
 * its folder. It holds no connection while no tool is at work, so it never keeps a core alive, never
 * counts as a person who could answer an approval, and does not notice when a core is replaced.
 */
import type { Socket } from "node:net";
import type { Readable, Writable } from "node:stream";
import { McpServer } from "@modelcontextprotocol/sdk/server/mcp.js";
import { StdioServerTransport } from "@modelcontextprotocol/sdk/server/stdio.js";
import { openClient, type Greeting } from "../client/coreClient.ts";
import { VERSION } from "../base/version.ts";
import { createCoreAccess } from "./coreAccess.ts";
import { createOwnSession } from "./ownSession.ts";
import { addSubAgentTools } from "./subAgentTools.ts";

export interface ToolServerOptions {
  readonly stdin: Readable;
  readonly stdout: Writable;
  /** `OFFSHOOT_RUN` and `OFFSHOOT_SESSION` bind the server to a run. */
  readonly environment: NodeJS.ProcessEnv;
  /** Absolute: the folder that is worked in. */
  readonly cwd: string;
  /** Joins the core, which is started where none runs; rejects with a JoinError. */
  connect(): Promise<Socket>;
  /** Bound of every wait; 45,000, since hosts give a tool up after 50 to 60 seconds. */
  readonly longestWaitMs?: number;
}

/** Serves until the host goes away; resolves with the exit code when nothing of it is left. */
export async function runToolServer(options: ToolServerOptions): Promise<number> {
  const { stdin, stdout, cwd } = options;
  const run = runOf(options.environment);
  const { environment } = options;
  const greeting: Greeting = { cwd, environment, ...(run && { run }) };
  const core = createCoreAccess(async () => openClient(await options.connect(), greeting));
  const server = new McpServer(
    { name: "offshoot", title: "Offshoot sub-agents", version: VERSION },
    { instructions },
  );
  const longestWaitMs = options.longestWaitMs ?? 45_000;
  addSubAgentTools(server, { core, own: createOwnSession({ run, cwd }), cwd, longestWaitMs });

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

function runOf(environment: NodeJS.ProcessEnv): Greeting["run"] {
  const runId = environment["OFFSHOOT_RUN"];
  const sessionId = environment["OFFSHOOT_SESSION"];
  return runId && sessionId ? { runId, sessionId } : undefined;
}

const instructions =
  "Hand work to sub-agents that run in parallel, each with a conversation of its own that knows " +
  "nothing but its prompt. Spawn all that are independent of each other first, then call " +
  "wait_agent for their results. list_agents shows which agents can be spawned. Sub-agents go on " +
  "when you do not wait, and what they say is kept.";
