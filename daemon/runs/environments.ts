/**
 * Which environment the runs of a session start from: that of the client which spawned it or ran it
 * last, else that of the session above it, else the core's own. Kept in memory only: a later core
 * has been started by a client whose environment is as good.
 */
import type { Caller } from "../sessions/caller.ts";
import type { SessionTree } from "../sessions/sessionTree.ts";

export interface SessionEnvironments {
  /** The client wants the session to run, now or later. */
  wanted(sessionId: string, client: Pick<Caller, "options">): void;
  of(sessionId: string): NodeJS.ProcessEnv;
  /** The session was removed. */
  forget(sessionId: string): void;
}

export function createSessionEnvironments({
  tree,
  own,
}: {
  tree: Pick<SessionTree, "upwards">;
  /** The core's. */
  own: NodeJS.ProcessEnv;
}): SessionEnvironments {
  const wanted = new Map<string, NodeJS.ProcessEnv>();
  return {
    wanted(sessionId, { options }) {
      // A program inside a run has that run's environment, marks and all.
      if (options.run === undefined && options.environment !== undefined) {
        wanted.set(sessionId, options.environment);
      }
    },
    of(sessionId) {
      const known = tree.upwards(sessionId).find(({ session }) => wanted.has(session.id));
      return wanted.get(known?.session.id ?? "") ?? own;
    },
    forget: (sessionId) => void wanted.delete(sessionId),
  };
}
