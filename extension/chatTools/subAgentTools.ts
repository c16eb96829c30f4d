/**
 * The sub-agents as tools for the editor's own agent: what each of them wants to have, what it asks
 * a person before, and what it does. Nothing of the editor is in here.
 */
// First, so that zod is set before anything is made with it.
import "./withoutEval.ts";
import * as z from "zod";
import { Limits, type Session } from "../../protocol/session.ts";
import { isTerminal } from "../../protocol/states.ts";
import { errorKind } from "../approvals/lateAnswer.ts";
import type { DaemonClient } from "../daemon/daemonClient.ts";
import type { SessionModel } from "../sessions/sessionModel.ts";
import { oneLine } from "../sessions/sessionWords.ts";
import { defineTool, present, unlessAborted, type SubAgentTool } from "./subAgentTool.ts";
import { textOfSessions } from "./toolText.ts";

interface Parts {
  call: DaemonClient["call"];
  model: Pick<SessionModel, "get" | "all" | "subtree">;
  /** The folder that sub-agents work in unless told otherwise; undefined without a workspace. */
  folder: () => string | undefined;
}

interface ToolParts extends Parts {
  /** Sub-agents with work whose end the model was not told of yet. */
  owed: Set<string>;
}

export function createSubAgentTools(given: Parts): SubAgentTool[] {
  const parts: ToolParts = { ...given, owed: new Set() };
  return [spawnTool(parts), waitTool(parts), listTool(parts), cancelTool(parts), sendTool(parts)];
}

const Id = z.string().min(1).describe("the sub-agent's id, or the end of it");

function spawnTool({ call, folder, owed }: ToolParts): SubAgentTool {
  return defineTool({
    name: "offshoot_spawn",
    input: z.object({
      prompt: z
        .string()
        .min(1)
        .describe("the whole task: the sub-agent knows nothing of this conversation"),
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
    async run({ cwd = folder(), limits, ...spawn }) {
      if (cwd === undefined) throw new Error("no folder is open, so cwd has to be given");
      const { session } = await call("session/spawn", {
        ...present(spawn),
        cwd,
        ...(limits && { limits: present(limits) }),
      } as Parameters<typeof call<"session/spawn">>[1]);
      owed.add(session.id);
      const hint = "It works by itself; call offshoot_wait for its result when you need it.";
      return `${textOfSessions([session])}\n${hint}`;
    },
  });
}

/** How long one request waits: what nobody waits for any more ends after this time. */
const oneWaitMs = 20_000;
const defaultWaitSeconds = 300;

function waitTool(parts: ToolParts): SubAgentTool {
  const { call, owed } = parts;
  return defineTool({
    name: "offshoot_wait",
    input: z.object({
      ids: z
        .array(Id)
        .max(100)
        .optional()
        .describe("else all that were spawned here and whose end you were not told yet"),
      until: z
        .enum(["all", "any", "firstError"])
        .optional()
        .describe("all (default), the first that ends, or all unless one fails before"),
      timeoutSeconds: z
        .number()
        .min(0)
        .max(3600)
        .optional()
        .describe(`then the states so far are answered; ${defaultWaitSeconds}`),
    }),
    progress: ({ ids }) => {
      const number = ids?.length ?? owed.size;
      return `Waiting for ${number === 1 ? "a sub-agent" : `${number} sub-agents`}`;
    },
    async run({ ids, until = "all", timeoutSeconds = defaultWaitSeconds }, signal) {
      const sessionIds = ids?.length
        ? ids.map((id) => sessionIn(parts, id).id)
        : await stillThere(parts);
      if (sessionIds.length === 0) return "Nothing to wait for: you know of every end.";
      const deadline = Date.now() + timeoutSeconds * 1000;
      for (;;) {
        signal.throwIfAborted();
        const timeoutMs = Math.max(0, Math.min(oneWaitMs, deadline - Date.now()));
        const waiting = call("session/wait", { sessionIds, until, timeoutMs });
        const waited = await unlessAborted(waiting, signal);
        if (waited.timedOut && Date.now() < deadline) continue;
        const sessions = await Promise.all(
          sessionIds.map(async (sessionId) => (await call("session/get", { sessionId })).session),
        );
        for (const session of sessions) if (isTerminal(session)) owed.delete(session.id);
        const left = waited.pending.length;
        const hint =
          left === 0 ? "" : `\n${left} have not ended; call offshoot_wait again for them.`;
        return `${textOfSessions(sessions)}${hint}`;
      }
    },
  });
}

/** A person may have deleted some of them. */
async function stillThere({ call, owed }: ToolParts): Promise<string[]> {
  for (const sessionId of owed) {
    await call("session/get", { sessionId }).catch((error: unknown) => {
      if (errorKind(error) !== "sessionNotFound") throw error;
      owed.delete(sessionId);
    });
  }
  return [...owed];
}

const mostListed = 50;

function listTool({ call, model, folder }: ToolParts): SubAgentTool {
  return defineTool({
    name: "offshoot_list",
    input: z.object({}),
    progress: () => "Looking at the sub-agents",
    async run() {
      const cwd = folder();
      const { agents } = await call("agent/list", cwd === undefined ? {} : { cwd });
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

/** Of the tree of the folder that is open; of all trees where none is. */
function isHere(root: Session | undefined, folder: string | undefined): boolean {
  return folder === undefined || root?.cwd === folder;
}

function cancelTool(parts: ToolParts): SubAgentTool {
  const { call, model } = parts;
  return defineTool({
    name: "offshoot_cancel",
    input: z.object({ id: Id, reason: z.string().optional() }),
    progress: ({ id }) => `Cancelling ${titleIn(parts, id)}`,
    confirmation: ({ id, reason }) => {
      const session = sessionIn(parts, id);
      const below = model.subtree(session.id).filter((one) => !isTerminal(one)).length - 1;
      const also = below > 0 ? [`With it end ${below} sub-agents below it.`] : [];
      return {
        title: `Cancel ${titleIn(parts, id)}?`,
        facts: [...also, ...(reason === undefined ? [] : [`Reason: ${oneLine(reason, 300)}`])],
      };
    },
    async run({ id, reason }) {
      const sessionId = sessionIn(parts, id).id;
      await call("session/cancel", { sessionId, ...(reason !== undefined && { reason }) });
      const { session } = await call("session/get", { sessionId });
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

function sendTool(parts: ToolParts): SubAgentTool {
  const { call, owed } = parts;
  return defineTool({
    name: "offshoot_send",
    input: z.object({
      id: Id,
      message: z.string().min(1),
      interrupt: z.boolean().optional().describe("end what it does now; else it is not"),
    }),
    progress: ({ id }) => `Sending a message to ${titleIn(parts, id)}`,
    confirmation: ({ id, message, interrupt }) => ({
      title: `Send a message to ${titleIn(parts, id)}?`,
      facts: interrupt === true ? ["What it does now is ended."] : [],
      text: message,
    }),
    async run({ id, message, interrupt }) {
      const sessionId = sessionIn(parts, id).id;
      const params = { sessionId, text: message, ...(interrupt === true && { interrupt }) };
      const { delivery } = await call("session/send", params);
      owed.add(sessionId);
      return `${delivery}: ${deliveries[delivery]} Call offshoot_wait for its answer.`;
    },
  });
}

/** Found by its id, or by the end of it that only one has. Throws with what there is. */
function sessionIn({ model }: ToolParts, named: string): Session {
  const exact = model.get(named);
  if (exact !== undefined) return exact;
  const found = [...model.all()].filter(({ kind, id }) => kind === "child" && id.endsWith(named));
  const [first, second] = found;
  if (first !== undefined && second === undefined) return first;
  const what = first === undefined ? "no sub-agent has" : "several sub-agents have";
  throw new Error(`${what} the id "${named}"; offshoot_list shows the ids`);
}

function titleIn(parts: ToolParts, named: string): string {
  return `“${oneLine(sessionIn(parts, named).title, 60)}”`;
}
