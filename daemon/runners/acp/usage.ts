/**
 * Counts what agents say that they have used. Agents mean different things by the same field; what
 * is not known stays absent.
 */
import type { Usage } from "../../../protocol/session.ts";
import { listIn, numberIn, objectIn, textIn, isJson, type Json } from "../formats/json.ts";
import { minus, sinceEarlierRuns, type Spent } from "../formats/usageLedger.ts";
import type { RunContext } from "../runner.ts";

/** What the usage in the answer to a prompt covers. */
type Meaning =
  /** All calls of the model in the turn, as the protocol has it. */
  | "turn"
  /** Everything since the agent's session began. */
  | "session"
  /** Only the last call of the model: the usage of the turn stays unknown. */
  | "lastCall"
  /** Nothing: Offshoot's own agent sends its usage in updates. */
  | "inUpdates";

/** By the name that the agent gives itself. */
const meanings: readonly [RegExp, Meaning][] = [
  [/^offshoot$/i, "inUpdates"],
  [/opencode|kilo/i, "lastCall"],
  [/copilot/i, "session"],
];

export type TurnUsage = ReturnType<typeof createTurnUsage>;

export function createTurnUsage(
  context: Pick<RunContext, "addUsage" | "remembered" | "remember">,
  agent: { name: string; sessionId: string },
) {
  const meaning = meanings.find(([name]) => name.test(agent.name))?.[1] ?? "turn";
  const sinceEarlier = sinceEarlierRuns(context, agent.sessionId);
  let counted: Spent = {};
  let costSoFar: number | undefined;

  /** The totals of the agent's session less what was counted before. */
  const settle = (total: Spent): Spent => {
    const inThisRun = sinceEarlier(total);
    const more = minus(inThisRun, counted);
    counted = { ...counted, ...inThisRun };
    return more;
  };

  return {
    /** Takes an update, which has the fill of the context and perhaps a price. */
    update(update: Json): void {
      const own = objectIn(objectIn(objectIn(update, "_meta"), "offshoot"), "usage");
      if (meaning === "inUpdates") return context.addUsage(positive(own));
      const cost = objectIn(update, "cost");
      const isDollars = textIn(cost, "currency")?.toUpperCase() === "USD";
      if (isDollars) costSoFar = numberIn(cost, "amount") ?? costSoFar;
    },
    /** Takes the answer to a prompt. Returns what this turn used, as far as that is known. */
    answered(answer: Json): Spent | undefined {
      if (meaning === "inUpdates") return undefined;
      const tokens = meaning === "lastCall" ? undefined : tokensOf(answer);
      const totals: Spent = {
        ...(costSoFar !== undefined && { costUsd: costSoFar }),
        ...(meaning === "session" && tokens),
      };
      const settled = Object.keys(totals).length === 0 ? {} : settle(totals);
      const spent = positive({ ...settled, ...(meaning === "turn" && tokens) });
      context.addUsage({ ...spent, turns: 1 });
      return Object.keys(spent).length === 0 ? undefined : spent;
    },
  };
}

function positive(spent: Json | Spent): Partial<Usage> {
  const known = Object.entries(spent).filter(
    ([, amount]) => typeof amount === "number" && amount > 0,
  );
  return Object.fromEntries(known) as Partial<Usage>;
}

function tokensOf(answer: Json): Spent | undefined {
  if (isJson(answer["usage"])) return tokensOfUsage(answer["usage"]);
  const quota = objectIn(objectIn(answer, "_meta"), "quota");
  if (isJson(quota["token_count"])) return tokensOfCount(quota["token_count"]);
  const models = listIn(quota, "model_usage").map((one) =>
    tokensOfCount(objectIn(one, "token_count")),
  );
  return models.length === 0 ? undefined : models.reduce(sum);
}

/**
 * Some agents count cached tokens as input and some beside it; the total shows which. The total
 * also shows whether thoughts were counted beside the output.
 */
function tokensOfUsage(usage: Json): Spent {
  const input = numberIn(usage, "inputTokens") ?? 0;
  const output = numberIn(usage, "outputTokens") ?? 0;
  const cachedInputTokens = numberIn(usage, "cachedReadTokens") ?? 0;
  const cached = cachedInputTokens + (numberIn(usage, "cachedWriteTokens") ?? 0);
  const total = numberIn(usage, "totalTokens") ?? 0;
  const isBeside = total >= input + output + cached || cachedInputTokens > input;
  const inputTokens = isBeside ? input + cached : input;
  return { inputTokens, cachedInputTokens, outputTokens: Math.max(output, total - inputTokens) };
}

function tokensOfCount(count: Json): Spent {
  return {
    inputTokens: numberIn(count, "input_tokens") ?? 0,
    outputTokens: numberIn(count, "output_tokens") ?? 0,
  };
}

function sum(one: Spent, other: Spent): Spent {
  return {
    inputTokens: (one.inputTokens ?? 0) + (other.inputTokens ?? 0),
    outputTokens: (one.outputTokens ?? 0) + (other.outputTokens ?? 0),
  };
}
