/** The conversation of a session as texts, and a rough count of its tokens. */
import type { ContentBlock } from "@agentclientprotocol/sdk";
import type { ModelMessage } from "ai";
import type { SessionMeta } from "./contract/meta.ts";

/** Code and JSON have fewer characters per token than prose; a high guess is the safe one. */
const charactersPerToken = 3.5;

export function userMessage(text: string): ModelMessage {
  return { role: "user", content: text };
}

/** What the model had said in a turn that broke off. */
export function brokenMessage(text: string): ModelMessage {
  return { role: "assistant", content: text, providerOptions: { offshoot: { broken: true } } };
}

/**
 * Adds a prompt. A prompt that is sent again, because the work on it broke off, is in the
 * conversation already: then the work continues, without what the broken turn had said.
 */
export function addPrompt(text: string, messages: ModelMessage[]): void {
  const isBroken = messages.at(-1)?.providerOptions?.["offshoot"]?.["broken"] === true;
  const whole = isBroken ? messages.slice(0, -1) : messages;
  if (isUnanswered(text, whole)) messages.length = whole.length;
  else messages.push(userMessage(text));
}

/** Whether the conversation ends with work on this same prompt. */
function isUnanswered(text: string, messages: readonly ModelMessage[]): boolean {
  for (const { role, content } of messages.toReversed()) {
    if (role === "user" && content === text) return true;
    const hasCalls = Array.isArray(content) && content.some(({ type }) => type === "tool-call");
    if (role === "assistant" && !hasCalls) return false;
  }
  return false;
}

export function messagesOf(history: NonNullable<SessionMeta["history"]>): ModelMessage[] {
  return history
    .filter(({ text }) => text !== "")
    .map(({ role, text }) => ({ role, content: text }));
}

/** The text of a prompt. Content that is not text is named, so that the model knows of it. */
export function textOfPrompt(blocks: readonly ContentBlock[]): string {
  return blocks.map(textOfBlock).join("\n\n");
}

function textOfBlock(block: ContentBlock): string {
  switch (block.type) {
    case "text":
      return block.text;
    case "resource_link":
      return `[${block.name}](${block.uri})`;
    case "resource":
      return "text" in block.resource
        ? `<resource uri="${block.resource.uri}">\n${block.resource.text}\n</resource>`
        : `[a binary resource: ${block.resource.uri}]`;
    case "image":
    case "audio":
      return `[an ${block.type}, which this agent cannot take]`;
    default:
      return "[content of an unknown kind]";
  }
}

/** The rough number of tokens. */
export function estimateTokens(value: unknown): number {
  const text = typeof value === "string" ? value : JSON.stringify(value);
  return Math.ceil(text.length / charactersPerToken);
}

/** What a tool answered, as text. */
export function textOfOutput(output: { type: string; value?: unknown }): string {
  return typeof output.value === "string" ? output.value : JSON.stringify(output);
}

/**
 * The text of a message, with calls and results named. `most` bounds the characters of each part.
 */
export function describeMessage({ role, content }: ModelMessage, most: number): string {
  if (typeof content === "string") return `${role}: ${content.slice(0, most)}`;
  const parts = content.map((part) => {
    if (part.type === "text") return `${role}: ${part.text.slice(0, most)}`;
    if (part.type === "tool-call") {
      return `call of ${part.toolName}: ${JSON.stringify(part.input).slice(0, most)}`;
    }
    if (part.type !== "tool-result") return "";
    return `result of ${part.toolName}: ${textOfOutput(part.output).slice(0, most)}`;
  });
  return parts.filter((part) => part !== "").join("\n");
}
