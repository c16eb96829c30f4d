/** What to tell a person whose answer came too late. Pure. */

const words: ReadonlyMap<unknown, string> = new Map([
  ["allowOnce", "it was allowed"],
  ["allowAlways", "it was allowed for always"],
  ["denyOnce", "it was denied"],
  ["denyAlways", "it was denied for always"],
]);

/** A sentence where the error says that the approval is over; undefined for any other error. */
export function lateAnswer(error: unknown): string | undefined {
  const { data } = (error ?? {}) as { data?: { kind?: unknown; decision?: unknown } };
  if (data?.kind === "approvalNotFound") return "too late, nobody waits for an answer.";
  if (data?.kind !== "approvalAlreadyResolved") return undefined;
  if (data.decision === "expired") return "too late, the run has ended.";
  return `too late, ${words.get(data.decision) ?? "it was answered"} before.`;
}

/** The `kind` that an error of the daemon carries. */
export function errorKind(error: unknown): string | undefined {
  const { data } = (error ?? {}) as { data?: { kind?: unknown } };
  return typeof data?.kind === "string" ? data.kind : undefined;
}
