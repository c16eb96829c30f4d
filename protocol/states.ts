/** What a session's state means. Without zod, so that a client can know it without the schemas. */
import type { LiveSession, Session, TerminalSession } from "./session.ts";

export const terminalStatuses = [
  "completed",
  "cancelled",
  "error",
  "timeout",
  "interrupted",
  "skipped",
] as const;

/** Nothing moves it but a new run. */
export function isTerminal(session: Session): session is TerminalSession {
  return (terminalStatuses as readonly string[]).includes(session.status);
}

/** Live: a run of it is under way and has a process or a turn. */
export function isLive(session: Session): session is LiveSession {
  return session.status === "running" || session.status === "suspended";
}
