/**
 * The state of a sub-agent as a model reads it: as data, and the same as text, because some hosts
 * show their model only the data and some only the text.
 */
import * as z from "zod";
import type { ResultOf } from "../../protocol/messages.ts";
import { isLive, isTerminal, sessionStatuses, type Session } from "../../protocol/session.ts";
import { cleanLine, formatDuration, shortId } from "../client/values.ts";

type WaitResult = ResultOf<"session/wait">;

export const AgentState = z.object({
  id: z.string(),
  shortId: z.string().describe("can be used instead of id"),
  title: z.string(),
  agent: z.string(),
  status: z.enum(sessionStatuses),
  finished: z.boolean().describe("whether its run has ended"),
  detail: z.string().optional().describe("what it does or waits for, or why it ended"),
  result: z.string().optional().describe("its last text"),
  resultIsCut: z
    .boolean()
    .optional()
    .describe("true if result was cut; wait_agent with only this id shows more"),
});
export type AgentState = z.infer<typeof AgentState>;

/** Characters of all results together, because hosts cut a tool's answer at about 25,000 tokens. */
const resultsRoom = 60_000;

/** The states of sessions, with the ends and failures that a wait has returned. */
export function agentStates(sessions: readonly Session[], waited?: WaitResult): AgentState[] {
  const room = Math.floor(resultsRoom / Math.max(1, sessions.length));
  return sessions.map((session) => {
    const ended = waited?.completions.find(({ childSessionId }) => childSessionId === session.id);
    const failed = waited?.escalated?.find(({ sessionId }) => sessionId === session.id);
    // The session may have begun a new run since, so what the wait returned has precedence.
    const result = ended?.result ?? (isTerminal(session) ? session.result : undefined);
    const detail = failed
      ? `failed and needs a message to continue: ${failed.error.message}`
      : (ended?.error?.message ?? ended?.reason ?? detailOf(session));
    return {
      id: session.id,
      shortId: shortId(session.id),
      title: cleanLine(session.title),
      agent: session.agent,
      status: ended?.status ?? session.status,
      finished: ended !== undefined || isTerminal(session),
      ...(detail !== undefined && { detail }),
      ...(result !== undefined && { result: result.slice(0, room) }),
      ...(result !== undefined && result.length > room && { resultIsCut: true }),
    };
  });
}

function detailOf(session: Session): string | undefined {
  if (isTerminal(session)) return session.error?.message ?? session.reason;
  if (session.status === "queued") {
    return session.position === undefined ? undefined : `place ${session.position} in the queue`;
  }
  if (session.status === "suspended") {
    const { kind, ids, until = 0 } = session.waitingFor;
    if (kind === "retry") return `tries again at ${new Date(until).toISOString()}`;
    return kind === "approval"
      ? "waits for a person's approval"
      : `waits for ${ids.length > 1 ? `${ids.length} ` : ""}${kind}`;
  }
  if (session.status === "created") return "not started; send_message starts it";
  if (!isLive(session)) return undefined;
  const quiet = session.lastHeartbeatAt - session.lastProgressAt;
  return [
    session.activity && cleanLine(session.activity.label),
    session.stalled ? `without progress for ${formatDuration(quiet)}` : undefined,
  ]
    .filter((part) => part !== undefined)
    .join(", ");
}

/** One line for each sub-agent, and its result below that line. */
export function textOf(states: readonly AgentState[]): string {
  return states.map(textOfOne).join("\n");
}

function textOfOne(state: AgentState): string {
  const { title, agent, status, detail, result, resultIsCut } = state;
  const why = detail ? `: ${detail}` : "";
  const line = `${state.shortId} "${title}" (${agent}) ${status}${why} [id ${state.id}]`;
  if (result === undefined || result === "") return line;
  const cut = resultIsCut === true ? "\n… (cut; wait_agent with only this id shows more)" : "";
  return `${line}\n<result>\n${result.trimEnd()}${cut}\n</result>`;
}
