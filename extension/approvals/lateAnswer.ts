/** What a person reads whose answer came too late. Pure. */

const decisions: ReadonlyMap<unknown, string> = new Map([
  ["allowOnce", "it was allowed"],
  ["allowAlways", "it was allowed for always"],
  ["denyOnce", "it was denied"],
  ["denyAlways", "it was denied for always"],
]);

/** A sentence for an error that says that the approval is over; undefined for any other error. */
export function lateAnswer(error: unknown): string | undefined {
  const { data } = (error ?? {}) as { data?: { kind?: unknown; decision?: unknown } };
  if (data?.kind === "approvalNotFound") return "too late, nobody waits for an answer.";
  if (data?.kind !== "approvalAlreadyResolved") return undefined;
  if (data.decision === "expired") return "too late, the run has ended.";
  return `too late, ${decisions.get(data.decision) ?? "it was answered"} before.`;
}
