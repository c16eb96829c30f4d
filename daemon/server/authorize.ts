/** Which client may ask for what. Each of these throws 1005 `notTrusted` where the client may not. */
import { OffshootError } from "../../protocol/errors.ts";
import { isLive } from "../../protocol/states.ts";
import type { Catalogue } from "../profiles/catalogue.ts";
import { canAnswer } from "../permissions/approvals.ts";
import type { Client } from "./hub.ts";
import type { SessionTree } from "../sessions/sessionTree.ts";

interface Parts {
  tree: SessionTree;
  agents: Catalogue;
}

/** A client whose workspace is not trusted can look, cancel and delete, but runs nothing. */
export function refuseUntrusted({ options }: Client): void {
  if (options.workspaceTrusted !== false) return;
  throw notTrusted("the workspace is not trusted, so nothing is run for it; trust it first");
}

/** People decide what an agent may do, and not programs that run for them. */
export function refuseWhoCannotAnswer(client: Client): void {
  refuseUntrusted(client);
  if (canAnswer(client)) return;
  throw notTrusted("a program inside a run cannot decide what runs may do: ask a person to");
}

/**
 * A program inside a run changes its own session and those below it, and no other. Without
 * `sessionId` the request is about all trees.
 */
export function refuseOutside(
  { tree }: Pick<Parts, "tree">,
  { options: { run } }: Client,
  sessionId?: string,
): void {
  if (run === undefined || tree.find(run.sessionId) === undefined) return;
  const isBelow = (id: string) => tree.find(id) === undefined || tree.isWithin(id, run.sessionId);
  if (sessionId !== undefined && isBelow(sessionId)) return;
  throw notTrusted("a program inside a run can do this only to the sub-agents below it");
}

/** For what makes a session that exists run, now or later. */
export function refuseToRun(parts: Parts, client: Client, sessionId: string): void {
  refuseUntrusted(client);
  refuseOutside(parts, client, sessionId);
  refuseWorkspaceAgent(parts, client, sessionId);
}

/** An agent of a workspace runs, the first time as later, only for clients that trust the workspace. */
function refuseWorkspaceAgent({ tree, agents }: Parts, client: Client, sessionId: string): void {
  const { session, workspace, ownRunner } = tree.get(sessionId);
  if (workspace === undefined || ownRunner === true || isLive(session)) return;
  if (client.options.workspaceTrusted === true || client.options.run !== undefined) return;
  if (agents.scopeFor(client, session.cwd).profiles.has(session.agent)) return;
  throw notTrusted(
    `the agent "${session.agent}" comes from the workspace, which this client has not said that ` +
      "it trusts; trust it first",
  );
}

function notTrusted(message: string): OffshootError {
  return new OffshootError("notTrusted", message, {});
}
