/**
 * The tools for the editor's chat: the input of each, what the person is asked before, and what the
 * tool does. Needs no editor.
 */
// First, so that zod is configured before the schemas are made.
import "./withoutEval.ts";
import * as z from "zod";
import { Limits, type Session } from "../../protocol/session.ts";
import { isTerminal } from "../../protocol/states.ts";
import { errorKind } from "../base/errors.ts";
import { oneLine } from "../base/text.ts";
import type { Caller } from "../daemon/daemonClient.ts";
import type { SessionModel } from "../sessions/sessionModel.ts";
import { defineTool, type SubAgentTool } from "./subAgentTool.ts";
import { textOfSessions } from "./toolText.ts";

interface Services {
  client: Caller;
  model: Pick<SessionModel, "get" | "all" | "subtree">;
  /** The folder where sub-agents work by default; undefined without a workspace. */
  folder: () => string | undefined;
}

interface Tools extends Services {
  /** Sub-agents whose end the model does not know yet. */
  unreported: Set<string>;
}

export function createSubAgentTools(services: Services): SubAgentTool[] {
  const tools: Tools = { ...services, unreported: new Set() };
  return [spawnTool(tools), waitTool(tools), listTool(tools), cancelTool(tools), sendTool(tools)];
}

const text = z.string().min(1);
const Id = text.describe("the sub-agent's id, or the end of it");

function spawnTool({ client, folder, unreported }: Tools): SubAgentTool {
  return defineTool({
    name: "offshoot_spawn",
    input: z.object({
      prompt: text.describe("the whole task: the sub-agent knows nothing of this conversation"),
      agent: z.string().optional().describe("which agent, see offshoot_list; else the default"),
      title: z.string().optional().describe("a few words that people see; else from the prompt"),
      model: z.string().optional().describe("another model than the agent's own"),
      cwd: z.string().optional().describe("absolute folder to work in; else the workspace's"),
      limits: Limits.optional().describe("bounds of this sub-agent and of all below it"),
    }),
    progress: ({ title, prompt }) => `Spawning “${oneLine(title ?? prompt, 60)}”`,
    confirmation: ({ agent = "the default agent", title, model, cwd, prompt, limits }) => ({
      title: title === undefined ? "Spawn a sub-agent?" : `Spawn “${oneLine(title, 60)}”?`,
      facts: [
        `Agent: ${oneLine(agent, 60)}${model === undefined ? "" : ` on ${oneLine(model, 80)}`}`,
        `Folder: ${oneLine(cwd ?? folder() ?? "none", 300)}`,
        ...(limits === undefined ? [] : [`Limits: ${oneLine(JSON.stringify(limits), 300)}`]),
      ],
      text: prompt,
    }),
    async run({ cwd = folder(), ...spawn }) {
      if (cwd === undefined) throw new Error("no folder is open, so cwd has to be given");
      const { session } = await client.call("session/spawn", { ...spawn, cwd });
      unreported.add(session.id);
      const hint = "It works by itself; call offshoot_wait for its result when you need it.";
      return `${textOfSessions([session])}\n${hint}`;
    },
  });
}

const defaultWaitSeconds = 300;

function waitTool(tools: Tools): SubAgentTool {
  const { client, unreported } = tools;
  return defineTool({
    name: "offshoot_wait",
    input: z.object({
      ids: z
        .array(Id)
        .max(100)
        .optional()
        .describe("default: all that were spawned here and whose end was not reported yet"),
      until: z
        .enum(["all", "any", "firstError"])
        .optional()
        .describe("all (default), the first that ends, or all unless one fails before"),
      timeoutSeconds: z
        .number()
        .min(0)
        .max(3600)
        .optional()
        .describe(`after this time the states so far are returned; default ${defaultWaitSeconds}`),
    }),
    progress: ({ ids }) => {
      const number = ids?.length ?? unreported.size;
      return `Waiting for ${number === 1 ? "a sub-agent" : `${number} sub-agents`}`;
    },
    async run({ ids, until = "all", timeoutSeconds = defaultWaitSeconds }, token) {
      const sessionIds = ids?.length
        ? ids.map((id) => sessionIn(tools, id).id)
        : await notDeleted(tools);
      if (sessionIds.length === 0) return "Nothing to wait for: you know of every end.";
      const timeoutMs = Math.round(timeoutSeconds * 1000);
      const { pending } = await client.call(
        "session/wait",
        { sessionIds, until, timeoutMs },
        token,
      );
      const answers = await Promise.all(
        sessionIds.map((sessionId) => client.call("session/get", { sessionId })),
      );
      const sessions = answers.map(({ session }) => session);
      for (const session of sessions) if (isTerminal(session)) unreported.delete(session.id);
      const left = pending.length;
      const hint = left === 0 ? "" : `\n${left} have not ended; call offshoot_wait again for them.`;
      return `${textOfSessions(sessions)}${hint}`;
    },
  });
}

/** The unreported sub-agents, without those that a person has deleted. */
async function notDeleted({ client, unreported }: Tools): Promise<string[]> {
  for (const sessionId of unreported) {
    await client.call("session/get", { sessionId }).catch((error: unknown) => {
      if (errorKind(error) !== "sessionNotFound") throw error;
      unreported.delete(sessionId);
    });
  }
  return [...unreported];
}

const mostListed = 50;

function listTool({ client, model, folder }: Tools): SubAgentTool {
  return defineTool({
    name: "offshoot_list",
    input: z.object({}),
    progress: () => "Looking at the sub-agents",
    async run() {
      const cwd = folder();
      const { agents } = await client.call("agent/list", cwd === undefined ? {} : { cwd });
      const sessions = [...model.all()]
        .filter(({ kind, rootId }) => kind === "child" && isHere(model.get(rootId), cwd))
        .sort((one, other) => other.createdAt - one.createdAt)
        .slice(0, mostListed);
      const states =
        sessions.length === 0 ? "No sub-agents yet." : textOfSessions(sessions, "short");
      const lines = agents.map(({ name, description, available, reason = "" }) => {
        const missing = available ? "" : ` (not available: ${reason})`;
        return `- ${name}: ${oneLine(description, 300)}${missing}`;
      });
      return [states, "Agents that offshoot_spawn can use:", ...lines].join("\n");
    },
  });
}

/** Whether the tree is that of the open folder; any tree where no folder is open. */
function isHere(root: Session | undefined, folder: string | undefined): boolean {
  return folder === undefined || root?.cwd === folder;
}

function cancelTool(tools: Tools): SubAgentTool {
  const { client, model } = tools;
  return defineTool({
    name: "offshoot_cancel",
    input: z.object({ id: Id, reason: z.string().optional() }),
    progress: ({ id }) => `Cancelling ${titleIn(tools, id)}`,
    confirmation: ({ id, reason }) => {
      const session = sessionIn(tools, id);
      const below = model.subtree(session.id).filter((one) => !isTerminal(one)).length - 1;
      const also = below > 0 ? [`With it end ${below} sub-agents below it.`] : [];
      return {
        title: `Cancel ${titleIn(tools, id)}?`,
        facts: [...also, ...(reason === undefined ? [] : [`Reason: ${oneLine(reason, 300)}`])],
      };
    },
    async run({ id, reason }) {
      const sessionId = sessionIn(tools, id).id;
      await client.call("session/cancel", { sessionId, ...(reason !== undefined && { reason }) });
      const { session } = await client.call("session/get", { sessionId });
      const hint = isTerminal(session) ? "" : "\nIt is being ended; offshoot_wait says when it is.";
      return `${textOfSessions([session])}${hint}`;
    },
  });
}

const deliveries = {
  injected: "The running sub-agent gets it at its next turn.",
  queued: "It is kept and read in a new run when the present one has ended.",
  run: "It has started a new run of the sub-agent, which remembers its conversation.",
};

function sendTool(tools: Tools): SubAgentTool {
  const { client, unreported } = tools;
  return defineTool({
    name: "offshoot_send",
    input: z.object({
      id: Id,
      message: text,
      interrupt: z.boolean().optional().describe("end what it does now; else it is not"),
    }),
    progress: ({ id }) => `Sending a message to ${titleIn(tools, id)}`,
    confirmation: ({ id, message, interrupt }) => ({
      title: `Send a message to ${titleIn(tools, id)}?`,
      facts: interrupt === true ? ["What it does now is ended."] : [],
      text: message,
    }),
    async run({ id, message, interrupt }) {
      const sessionId = sessionIn(tools, id).id;
      const params = { sessionId, text: message, ...(interrupt === true && { interrupt }) };
      const { delivery } = await client.call("session/send", params);
      unreported.add(sessionId);
      return `${delivery}: ${deliveries[delivery]} Call offshoot_wait for its answer.`;
    },
  });
}

/** Finds a session by its id or by a unique end of it; throws where there is none. */
function sessionIn({ model }: Tools, named: string): Session {
  const exact = model.get(named);
  if (exact !== undefined) return exact;
  const found = [...model.all()].filter(({ kind, id }) => kind === "child" && id.endsWith(named));
  const [first, second] = found;
  if (first !== undefined && second === undefined) return first;
  const what = first === undefined ? "no sub-agent has" : "several sub-agents have";
  throw new Error(`${what} the id "${named}"; offshoot_list shows the ids`);
}

function titleIn(tools: Tools, named: string): string {
  return `“${oneLine(sessionIn(tools, named).title, 60)}”`;
}
