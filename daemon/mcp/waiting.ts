/** Waiting for sub-agents, and which of their ends a model was not told of yet. */
import type { ParamsOf } from "../../protocol/messages.ts";
import type { Client } from "../client/coreClient.ts";
import { CommandFailure } from "../client/failures.ts";
import { agentStates, type AgentState } from "./agentState.ts";
import type { OwnSession } from "./ownSession.ts";

export interface WaitOptions {
  /** Epoch milliseconds. */
  deadline: number;
  until?: ParamsOf<"session/wait">["until"];
  /** Brought up to date with what is answered. */
  owed: Set<string>;
}

/** The states once the condition holds or the deadline has come. */
export async function waitFor(
  client: Client,
  sessionIds: string[],
  { deadline, until, owed }: WaitOptions,
): Promise<AgentState[]> {
  if (sessionIds.length === 0) return [];
  const timeoutMs = Math.max(0, deadline - Date.now());
  const params = { sessionIds, timeoutMs, ...(until !== undefined && { until }) };
  const waited = await client.call("session/wait", params);
  const sessions = await Promise.all(
    sessionIds.map(async (sessionId) => (await client.call("session/get", { sessionId })).session),
  );
  const states = agentStates(sessions, waited);
  for (const { id, finished } of states) {
    if (finished) owed.delete(id);
    else owed.add(id);
  }
  return states;
}

/** The children that have not ended, and those whose end was not told yet. */
export async function withNews(
  client: Client,
  own: OwnSession,
  owed: Set<string>,
): Promise<string[]> {
  const parentId = await own.find(client);
  if (parentId === undefined) return [];
  const { sessions } = await client.call("session/list", {
    parentId,
    status: ["queued", "running", "suspended", "paused"],
    limit: 100,
  });
  const news = new Set(sessions.map(({ id }) => id));
  for (const sessionId of owed) {
    if (await isThere(client, sessionId)) news.add(sessionId);
    else owed.delete(sessionId);
  }
  return [...news];
}

async function isThere(client: Client, sessionId: string): Promise<boolean> {
  try {
    await client.call("session/get", { sessionId });
    return true;
  } catch (error) {
    if (error instanceof CommandFailure && error.kind === "sessionNotFound") return false;
    throw error;
  }
}
