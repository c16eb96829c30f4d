/** Limits and budgets: pure. A child's are cut to what is left of its parent's, never widened. */
import { OffshootError } from "../../protocol/errors.ts";
import type { Limits, Session, Usage } from "../../protocol/session.ts";

const budgets = [
  ["maxTurns", (usage: Usage) => usage.turns],
  ["maxTokens", (usage: Usage) => usage.inputTokens + usage.outputTokens],
  ["maxCostUsd", (usage: Usage) => usage.costUsd],
  ["maxToolCalls", (usage: Usage) => usage.toolCalls],
] as const;

/** The strictest value of each limit; an absent one bounds nothing. */
export function stricter(...all: (Limits | undefined)[]): Limits {
  const limits: Limits = {};
  for (const some of all) {
    for (const [name, value] of Object.entries(some ?? {}) as [keyof Limits, number?][]) {
      if (value === undefined) continue;
      limits[name] = Math.min(value, limits[name] ?? Number.POSITIVE_INFINITY);
    }
  }
  return limits;
}

/**
 * What a child may have of what its parent has left. Throws 1004 `limitExceeded` when a budget of
 * the parent is used up.
 */
export function cutToParent(asked: Limits, parent: Session): Limits {
  const left: Limits = {};
  for (const [name, used] of budgets) {
    const max = parent.limits[name];
    if (max === undefined) continue;
    const current = used(parent.treeUsage);
    if (current >= max) throw limitExceeded(name, max, current, parent);
    left[name] = max - current;
  }
  const { timeoutMs, idleTimeoutMs, maxChildren, maxDepth } = parent.limits;
  // A time-out bounds each run by itself: the clock of the parent stands still while the parent
  // waits for this child, so the child gets the whole time.
  if (timeoutMs !== undefined) left.timeoutMs = timeoutMs;
  if (idleTimeoutMs !== undefined) left.idleTimeoutMs = idleTimeoutMs;
  if (maxChildren !== undefined) left.maxChildren = maxChildren;
  if (maxDepth !== undefined) left.maxDepth = maxDepth;
  return stricter(asked, left);
}

/** The first budget of the session that its tree has used up. */
export function exceededBudget(
  limits: Limits,
  usage: Usage,
): { limit: keyof Limits; used: number; max: number } | undefined {
  for (const [limit, usedOf] of budgets) {
    const max = limits[limit];
    const used = usedOf(usage);
    if (max !== undefined && used > 0 && used >= max) return { limit, used, max };
  }
  return undefined;
}

export function addUsage(a: Usage, b: Usage): Usage {
  return {
    inputTokens: a.inputTokens + b.inputTokens,
    outputTokens: a.outputTokens + b.outputTokens,
    cachedInputTokens: a.cachedInputTokens + b.cachedInputTokens,
    costUsd: a.costUsd + b.costUsd,
    turns: a.turns + b.turns,
    toolCalls: a.toolCalls + b.toolCalls,
  };
}

export function limitExceeded(
  limit: string,
  max: number,
  current: number,
  at: Session,
): OffshootError {
  return new OffshootError(
    "limitExceeded",
    `the limit ${limit} of "${at.title}" (${at.id}) is used up: ${current} of ${max}`,
    { limit, max, current },
  );
}
