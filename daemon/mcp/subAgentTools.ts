/** The five tools, under the names that models know: spawn, send, wait, list, cancel. */
import { randomUUID } from "node:crypto";
import { resolve } from "node:path";
import type { McpServer } from "@modelcontextprotocol/sdk/server/mcp.js";
import * as z from "zod";
import { Limits } from "../../protocol/session.ts";
import { usageFailure } from "../client/failures.ts";
import { present } from "../client/present.ts";
import { agentStates, AgentState, textOf } from "./agentState.ts";
import type { CoreAccess } from "./coreAccess.ts";
import type { OwnSession } from "./ownSession.ts";
import { answer, answerOf } from "./toolAnswer.ts";
import { waitFor, unendedOrUnreported } from "./waiting.ts";

interface Parts {
  core: CoreAccess;
  own: OwnSession;
  /** Absolute; relative folders are resolved against it. */
  cwd: string;
  longestWaitMs: number;
  /** The sub-agents whose end the model does not know yet. */
  unreported: Set<string>;
}

const mostListed = 50;

const Id = z.string().min(1).describe("the sub-agent's id, or its shortId");
const Hint = z.string().optional().describe("what to do next");

export function addSubAgentTools(server: McpServer, parts: Parts): void {
  addSpawnAgent(server, parts);
  addSendMessage(server, parts);
  addWaitAgent(server, parts);
  addListAgents(server, parts);
  addCancelAgent(server, parts);
}

function addSpawnAgent(server: McpServer, parts: Parts): void {
  const { core, own, unreported, cwd: ownFolder } = parts;
  const inputSchema = z.object({
    prompt: z
      .string()
      .min(1)
      .describe("the whole task, because the sub-agent does not see your conversation"),
    agent: z
      .string()
      .optional()
      .describe("the agent, see list_agents; default: the configured one"),
    title: z.string().optional().describe("a few words that people see; default: from the prompt"),
    model: z.string().optional().describe("another model than the agent's own"),
    cwd: z.string().optional().describe("folder to work in; default: yours"),
    limits: Limits.optional().describe("bounds of this sub-agent and of all below it"),
    wait: z
      .union([z.boolean(), z.number().nonnegative()])
      .optional()
      .describe("wait for its result: true, or the number of seconds, at most 45; default: false"),
  });
  server.registerTool(
    "spawn_agent",
    {
      title: "Spawn a sub-agent",
      description:
        "Hands a task to a new sub-agent, which works on it beside you, and answers at once with " +
        "its id. Spawn all tasks that are independent of each other first, then call wait_agent " +
        "for the results. Sub-agents that cannot run yet are queued: spawn as many as needed.",
      inputSchema,
      outputSchema: z.object({ agent: AgentState, hint: Hint }),
      annotations: { destructiveHint: false, openWorldHint: true },
    },
    ({ prompt, agent, title, model, cwd, limits, wait }, { signal }) => {
      // Both tries have the same key, so that the second one spawns no second sub-agent.
      const requestKey = randomUUID();
      const seconds = wait === true ? undefined : wait === false ? 0 : (wait ?? 0);
      const deadline = deadlineAfter(seconds, parts);
      return answerOf(() =>
        core.use(async (client) => {
          const { session } = await client.call("session/spawn", {
            prompt,
            parentId: await own.findOrMake(client),
            requestKey,
            ...present({ agent, title, model }),
            ...(cwd !== undefined && { cwd: resolve(ownFolder, cwd) }),
            ...(limits !== undefined && { limits: present(limits) }),
          });
          const [state] = await waitFor(client, [session.id], { deadline, unreported });
          if (state === undefined) throw usageFailure("the sub-agent was deleted meanwhile");
          const hint = state.finished
            ? undefined
            : "The sub-agent works by itself; call wait_agent when you need its result.";
          return answer([textOf([state]), hint], { agent: state, ...(hint && { hint }) });
        }, signal),
      );
    },
  );
}

function addWaitAgent(server: McpServer, parts: Parts): void {
  const { core, own, unreported } = parts;
  server.registerTool(
    "wait_agent",
    {
      title: "Wait for sub-agents",
      description:
        "Waits until sub-agents have ended and answers with their results, or after 45 seconds " +
        "with the states so far: call it again while some are pending. Waiting costs nothing.",
      inputSchema: z.object({
        ids: z
          .array(Id)
          .max(100)
          .optional()
          .describe("default: all that have not ended, or ended since your last wait"),
        until: z
          .enum(["all", "any", "firstError"])
          .optional()
          .describe("until all have ended (default), one has ended, or one has failed"),
        timeoutSeconds: z.number().nonnegative().optional().describe("at most 45, the default"),
      }),
      outputSchema: z.object({
        agents: z.array(AgentState),
        pending: z.array(z.string()).describe("ids of those that have not ended"),
        hint: Hint,
      }),
      annotations: { readOnlyHint: true },
    },
    ({ ids, until, timeoutSeconds }, { signal }) => {
      // Chosen once: the second try also waits for those that end while the connection is replaced.
      let chosen: string[] | undefined;
      const deadline = deadlineAfter(timeoutSeconds, parts);
      return answerOf(() =>
        core.use(async (client) => {
          chosen ??= ids?.length
            ? await own.resolve(client, ids)
            : await unendedOrUnreported(client, own, unreported);
          const agents = await waitFor(client, chosen, { deadline, until, unreported });
          const pending = agents.filter(({ finished }) => !finished).map(({ id }) => id);
          const hint = hintAfterWait(agents.length, pending.length);
          const data = { agents, pending, ...(hint && { hint }) };
          return answer([textOf(agents), hint], data);
        }, signal),
      );
    },
  );
}

function hintAfterWait(waitedFor: number, pending: number): string | undefined {
  if (waitedFor === 0)
    return "No sub-agent is at work, and you know every result; name one by its id to see it again.";
  if (pending === 0) return undefined;
  return `${pending} of ${waitedFor} sub-agents have not ended; call wait_agent again.`;
}

function addSendMessage(server: McpServer, { core, own, unreported }: Parts): void {
  const deliveries = {
    injected: "The running sub-agent reads the message at its next turn.",
    queued: "The message is read in a new run when the present run has ended.",
    run: "The message has started a new run of the sub-agent, which knows its conversation.",
  };
  server.registerTool(
    "send_message",
    {
      title: "Send a message to a sub-agent",
      description:
        "Sends a message to one of your sub-agents: more facts or a correction while it works, or " +
        "a new task when it has ended.",
      inputSchema: z.object({
        id: Id,
        message: z.string().min(1),
        interrupt: z.boolean().optional().describe("interrupt the present turn; default: false"),
      }),
      outputSchema: z.object({ delivery: z.enum(["injected", "queued", "run"]), hint: Hint }),
      annotations: { destructiveHint: false },
    },
    ({ id, message, interrupt }, { signal }) =>
      answerOf(async () => {
        const [sessionId = id] = await core.use((client) => own.resolve(client, [id]), signal);
        const params = { sessionId, text: message, ...present({ interrupt }) };
        // Sent once only, because the first message may have arrived.
        const { delivery } = await core.useOnce(
          (client) => client.call("session/send", params),
          signal,
        );
        unreported.add(sessionId);
        const hint = `${deliveries[delivery]} Call wait_agent for its answer.`;
        return answer([`${delivery}: ${hint}`], { delivery, hint });
      }),
  );
}

function addListAgents(server: McpServer, { core, own }: Parts): void {
  const Spawnable = z.object({
    name: z.string(),
    description: z.string(),
    model: z.string().optional(),
    available: z.boolean(),
    reason: z.string().optional().describe("why the agent is not available"),
  });
  server.registerTool(
    "list_agents",
    {
      title: "List sub-agents and agents",
      description:
        "Shows your sub-agents with their states, the newest first, and the agents that " +
        "spawn_agent can use. To get results, call wait_agent.",
      inputSchema: z.object({}),
      outputSchema: z.object({ subAgents: z.array(AgentState), agents: z.array(Spawnable) }),
      annotations: { readOnlyHint: true },
    },
    (_input, { signal }) =>
      answerOf(() =>
        core.use(async (client) => {
          const children = await own.children(client, mostListed);
          const states = agentStates(children).map(({ result: _said, ...state }) => state);
          const { agents: all } = await client.call("agent/list", {});
          const agents = all.map(({ name, description, model, available, reason }) => ({
            name,
            description,
            available,
            ...present({ model, reason }),
          }));
          const lines = agents.map(({ name, description, reason }) => {
            const missing = reason === undefined ? "" : ` (not available: ${reason})`;
            return `- ${name}: ${description}${missing}`;
          });
          const first = states.length === 0 ? "There are no sub-agents yet." : textOf(states);
          const data = { subAgents: states, agents };
          return answer([first, "Agents that spawn_agent can use:", ...lines], data);
        }, signal),
      ),
  );
}

function addCancelAgent(server: McpServer, { core, own }: Parts): void {
  server.registerTool(
    "cancel_agent",
    {
      title: "Cancel a sub-agent",
      description:
        "Ends one of your sub-agents with everything below it. Its conversation is kept, and " +
        "send_message can start it again.",
      inputSchema: z.object({ id: Id, reason: z.string().optional() }),
      outputSchema: z.object({ agent: AgentState, hint: Hint }),
      annotations: { destructiveHint: true, idempotentHint: true },
    },
    ({ id, reason }, { signal }) =>
      answerOf(() =>
        core.use(async (client) => {
          const [sessionId = id] = await own.resolve(client, [id]);
          await client.call("session/cancel", { sessionId, ...present({ reason }) });
          const { session } = await client.call("session/get", { sessionId });
          const [agent] = agentStates([session]);
          if (agent === undefined) throw usageFailure("the sub-agent was deleted meanwhile");
          const hint = agent.finished
            ? undefined
            : "The sub-agent ends within some seconds; wait_agent returns when it has ended.";
          return answer([textOf([agent]), hint], { agent, ...(hint && { hint }) });
        }, signal),
      ),
  );
}

/** Epoch milliseconds, at most `longestWaitMs` from now. */
function deadlineAfter(seconds: number | undefined, { longestWaitMs }: Parts): number {
  return Date.now() + Math.min((seconds ?? Infinity) * 1000, longestWaitMs);
}
