/** Reads limits as a person types them: `$0.50, 10m, 20 turns, 50k tokens`. Pure. */
import type { Limits } from "../../protocol/session.ts";

export const limitsExample = "$0.50, 10m, 20 turns, 50k tokens, 30 tools";

const units = { s: 1_000, m: 60_000, h: 3_600_000 } as const;
const scales = { k: 1_000, m: 1_000_000 } as const;

/** The limits, or a sentence about the part that is no limit. */
export function parseLimits(text: string): { limits: Limits } | { fault: string } {
  const limits: Limits = {};
  const parts = text.split(/[,;]/).map((part) => part.trim());
  for (const part of parts.filter((one) => one !== "")) {
    const found = parsePart(part);
    if (found === undefined) {
      return { fault: `“${part}” is no limit. Write for example ${limitsExample}` };
    }
    const [name, value] = found;
    limits[name] = value;
  }
  return { limits };
}

function parsePart(part: string): [keyof Limits, number] | undefined {
  const money = /^\$\s*(\d+(?:\.\d+)?)$/.exec(part) ?? /^(\d+(?:\.\d+)?)\s*\$$/.exec(part);
  if (money) return ["maxCostUsd", Number(money[1])];
  const time = /^(\d+(?:\.\d+)?)\s*([smh])(?:in(?:utes?)?|ours?|ec(?:onds?)?)?$/i.exec(part);
  if (time) {
    const unit = (time[2] ?? "").toLowerCase() as keyof typeof units;
    const milliseconds = Math.round(Number(time[1]) * units[unit]);
    return milliseconds > 0 ? ["timeoutMs", milliseconds] : undefined;
  }
  const counted =
    /^(\d+(?:\.\d+)?)\s*([km])?\s*(turns?|tokens?|tools?|tool calls?|children|child)$/i.exec(part);
  if (!counted) return undefined;
  const [, digits, scale = "", noun = ""] = counted;
  const factor = scales[scale.toLowerCase() as keyof typeof scales] ?? 1;
  const count = Math.round(Number(digits) * factor);
  if (/^turn/i.test(noun)) return ["maxTurns", count];
  if (/^token/i.test(noun)) return ["maxTokens", count];
  if (/^tool/i.test(noun)) return ["maxToolCalls", count];
  return ["maxChildren", count];
}
