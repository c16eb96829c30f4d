/** Counts what a session uses and sends the usage of every turn to the client. */
import type { TurnUsage } from "./model/model.ts";
import type { SessionClient } from "./updates.ts";

interface UsedUp extends TurnUsage {
  turns: number;
  toolCalls: number;
}

export type UsageCount = ReturnType<typeof createUsageCount>;

export function createUsageCount(client: SessionClient) {
  const total = nothing();
  let prompt = nothing();
  return {
    /** Sends `usage_update`: the fill of the context, and under `_meta` what this turn used. */
    addTurn(usage: TurnUsage | undefined, contextWindow: number): void {
      const known = usage ?? { inputTokens: 0, outputTokens: 0, cachedInputTokens: 0 };
      add(total, known);
      add(prompt, known);
      const cost =
        total.costUsd === undefined ? {} : { cost: { amount: total.costUsd, currency: "USD" } };
      const size = Number.isFinite(contextWindow) ? contextWindow : 0;
      client.update({
        sessionUpdate: "usage_update",
        used: known.inputTokens + known.outputTokens,
        size,
        ...cost,
        _meta: { offshoot: { usage: { ...known, turns: 1 } } },
      });
    },
    addToolCalls(count: number): void {
      total.toolCalls += count;
      prompt.toolCalls += count;
    },
    /** The usage of the session since this process opened it. */
    session: () => ({ ...total }),
    /** The usage since the last call of this; costUsd is absent where any turn's cost is unknown. */
    takePrompt(): UsedUp {
      const taken = prompt;
      prompt = nothing();
      return taken;
    },
  };
}

function nothing(): UsedUp {
  return { inputTokens: 0, outputTokens: 0, cachedInputTokens: 0, turns: 0, toolCalls: 0 };
}

function add(sum: UsedUp, usage: TurnUsage): void {
  const costIsKnown = sum.turns === 0 || sum.costUsd !== undefined;
  sum.turns += 1;
  sum.inputTokens += usage.inputTokens;
  sum.outputTokens += usage.outputTokens;
  sum.cachedInputTokens += usage.cachedInputTokens;
  if (usage.costUsd !== undefined && costIsKnown) {
    sum.costUsd = (sum.costUsd ?? 0) + usage.costUsd;
  } else delete sum.costUsd;
}
