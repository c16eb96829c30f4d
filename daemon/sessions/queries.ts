/** What clients ask of all sessions: the sessions of some trees, and pages of a list. */
import type { ParamsOf, ResultOf } from "../../protocol/messages.ts";
import type { Session } from "../../protocol/session.ts";
import type { SessionTree } from "./sessionTree.ts";

/** The sessions of these trees, the oldest first; without `rootIds` of all trees. */
export function sessionsOf(tree: SessionTree, rootIds: ReadonlySet<string> | undefined): Session[] {
  return [...tree.shown()]
    .filter((session) => rootIds === undefined || rootIds.has(session.rootId))
    .map(({ id }) => tree.show(id));
}

/** A page of `session/list`, the newest sessions first. */
export function listSessions(
  tree: SessionTree,
  filter: ParamsOf<"session/list">,
): ResultOf<"session/list"> {
  const { cursor, limit = 100 } = filter;
  const sessions: Session[] = [];
  for (const session of [...tree.shown()].reverse()) {
    if (cursor !== undefined && session.id >= cursor) continue;
    if (!matches(session, filter)) continue;
    if (sessions.length === limit) return { sessions, nextCursor: sessions.at(-1)?.id ?? "" };
    sessions.push(tree.show(session.id));
  }
  return { sessions };
}

function matches(session: Session, filter: ParamsOf<"session/list">): boolean {
  const { rootId, parentId, status, cwd, text } = filter;
  if (rootId !== undefined && session.rootId !== rootId) return false;
  if (parentId !== undefined && session.parentId !== parentId) return false;
  if (status !== undefined && !status.includes(session.status)) return false;
  if (cwd !== undefined && session.cwd !== cwd) return false;
  if (text === undefined) return true;
  const result = "result" in session ? (session.result ?? "") : "";
  const searched = `${session.title}\n${session.agent}\n${result}`.toLowerCase();
  return searched.includes(text.toLowerCase());
}
