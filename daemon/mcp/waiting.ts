/** Waits for sub-agents, and keeps which of their ends the model does not know yet. */
import type { ParamsOf } from "../../protocol/messages.ts";
import type { Client } from "../client/coreClient.ts";
import { CommandFailure } from "../client/failures.ts";
import { present } from "../client/present.ts";
import { agentStates, type AgentState } from "./agentState.ts";
import type { OwnSession } from "./ownSession.ts";

export interface WaitOptions {
  /** Epoch milliseconds. */
  deadline: number;
  until?: ParamsOf<"session/wait">["until"];
  /** The sub-agents whose end the model does not know; the answer of a wait changes it. */
  unreported: Set<string>;
}

/** The states when the condition holds, or at the deadline. */
export async function waitFor(
  client: Client,
  sessionIds: string[],
  { deadline, until, unreported }: WaitOptions,
): Promise<AgentState[]> {
  if (sessionIds.length === 0) return [];
  const timeoutMs = Math.max(0, deadline - Date.now());
  const params = { sessionIds, timeoutMs, ...present({ until }) };
  const waited = await client.call("session/wait", params);
  const sessions = await Promise.all(
    sessionIds.map(async (sessionId) => (await client.call("session/get", { sessionId })).session),
  );
  const states = agentStates(sessions, waited);
  for (const { id, finished } of states) {
    if (finished) unreported.delete(id);
    else unreported.add(id);
  }
  return states;
}

/** The children that have not ended, and those whose end the model does not know. */
export async function unendedOrUnreported(
  client: Client,
  own: OwnSession,
  unreported: Set<string>,
): Promise<string[]> {
  const parentId = await own.find(client);
  if (parentId === undefined) return [];
  const { sessions } = await client.call("session/list", {
    parentId,
    status: ["queued", "running", "suspended", "paused"],
    limit: 100,
  });
  const ids = new Set(sessions.map(({ id }) => id));
  for (const sessionId of unreported) {
    if (await exists(client, sessionId)) ids.add(sessionId);
    else unreported.delete(sessionId);
  }
  return [...ids];
}

async function exists(client: Client, sessionId: string): Promise<boolean> {
  try {
    await client.call("session/get", { sessionId });
    return true;
  } catch (error) {
    if (error instanceof CommandFailure && error.kind === "sessionNotFound") return false;
    throw error;
  }
}
