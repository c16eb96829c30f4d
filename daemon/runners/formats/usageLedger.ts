/**
 * Adds up what a program used. Some agents report each call, some only their total so far: of a
 * total, only what was not counted yet is added.
 */
import type { Usage } from "../../../protocol/session.ts";
import type { FormatContext } from "./context.ts";

/** A field that is unknown is absent and stays unchanged. */
export type Spent = Partial<
  Pick<Usage, "inputTokens" | "outputTokens" | "cachedInputTokens" | "costUsd">
>;

export interface UsageLedger {
  /** Adds one call of a model, by the run itself or by one of its sub-agents. */
  add(to: Pick<FormatContext, "addUsage">, spent: Spent): void;
  /**
   * Takes all that the program has used so far, sub-agents included. The rest counts for the run.
   */
  settle(total: Spent): void;
}

const fields = ["inputTokens", "outputTokens", "cachedInputTokens", "costUsd"] as const;

export function createUsageLedger(context: Pick<FormatContext, "addUsage">): UsageLedger {
  const counted: Spent = {};

  const add = (to: Pick<FormatContext, "addUsage">, spent: Spent) => {
    const more: Spent = {};
    for (const field of fields) {
      const amount = spent[field] ?? 0;
      if (amount <= 0) continue;
      counted[field] = (counted[field] ?? 0) + amount;
      more[field] = amount;
    }
    if (Object.keys(more).length > 0) to.addUsage(more);
  };

  return { add, settle: (total) => add(context, minus(total, counted)) };
}

/** `total` less `known`; a field that is unknown in `total` stays unknown. */
export function minus(total: Spent, known: Spent): Spent {
  const rest: Spent = {};
  for (const field of fields) {
    const amount = total[field];
    if (amount !== undefined) rest[field] = amount - (known[field] ?? 0);
  }
  return rest;
}

const remembered = { session: "usageOfSession", total: "usageTotal" };

/**
 * For agents whose total continues when a later program resumes their session: subtracts what
 * earlier runs counted, and remembers the new total. A total below the old one started anew.
 */
export function sinceEarlierRuns(
  context: Pick<FormatContext, "remembered" | "remember">,
  agentSessionId: string | undefined,
): (total: Spent) => Spent {
  const isSame =
    agentSessionId !== undefined && context.remembered[remembered.session] === agentSessionId;
  const earlier = isSame ? spentOf(context.remembered[remembered.total]) : {};
  return (total) => {
    if (agentSessionId !== undefined) {
      context.remember(remembered.session, agentSessionId);
      context.remember(remembered.total, JSON.stringify(total));
    }
    const beganAnew = fields.some((field) => (total[field] ?? Infinity) < (earlier[field] ?? 0));
    return beganAnew ? total : minus(total, earlier);
  };
}

function spentOf(text: string | undefined): Spent {
  try {
    return JSON.parse(text ?? "{}") as Spent;
  } catch {
    return {};
  }
}
