/**
 * The format of `qwen -o stream-json`: the lines of Claude Code with other sums. Verified against
 * packages/cli/src/nonInteractive of QwenLM/qwen-code and the types of @qwen-code/sdk 0.1.
 */
import { ClaudeFormat } from "./claudeStreamJson.ts";
import type { Format, FormatParts } from "./format.ts";
import { numberIn, type Json } from "./json.ts";
import type { Spent } from "./usageLedger.ts";

/** Each block of an answer is a message of its own; input tokens include the cached ones. */
export function qwenStreamJson(parts: FormatParts): Format {
  return new ClaudeFormat(parts, {
    messagesAreCalls: false,
    usageOfMessage: spentOf,
    usageOfProgram: spentOf,
  });
}

function spentOf(usage: Json): Spent {
  return {
    inputTokens: numberIn(usage, "input_tokens") ?? 0,
    cachedInputTokens: numberIn(usage, "cache_read_input_tokens") ?? 0,
    outputTokens: numberIn(usage, "output_tokens") ?? 0,
  };
}
