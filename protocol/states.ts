/** What a session's state means. Without zod, so that a client can know it without the schemas. */
export const terminalStatuses = [
  "completed",
  "cancelled",
  "error",
  "timeout",
  "interrupted",
  "skipped",
] as const;

/** Nothing moves it but a new run. */
export function isTerminal<S extends { status: string }>(
  session: S,
): session is Extract<S, { status: (typeof terminalStatuses)[number] }> {
  return (terminalStatuses as readonly string[]).includes(session.status);
}

/** Live: a run of it is under way and has a process or a turn. */
export function isLive<S extends { status: string }>(
  session: S,
): session is Extract<S, { status: "running" | "suspended" }> {
  return session.status === "running" || session.status === "suspended";
}
