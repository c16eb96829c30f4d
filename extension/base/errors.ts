/** What an error says. Pure. */

export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

/** The `kind` that an error of the daemon has. */
export function errorKind(error: unknown): string | undefined {
  const { data } = (error ?? {}) as { data?: { kind?: unknown } };
  return typeof data?.kind === "string" ? data.kind : undefined;
}
