/** Which sessions `session/list` asks for. */
import type { ParamsOf } from "../../protocol/messages.ts";
import type { Session } from "../../protocol/session.ts";

export function matches(session: Session, filter: ParamsOf<"session/list">): boolean {
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
