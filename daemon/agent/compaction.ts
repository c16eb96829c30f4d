/**
 * Keeps a conversation within the model's context window: when it is 85 % full, its middle becomes
 * a summary, down to 40 %. The task and the latest work stay word for word.
 */
import type { ModelMessage } from "ai";
import { describeMessage, estimateTokens, textOfOutput } from "./conversation.ts";
import type { Model, Turn } from "./model/model.ts";

const fullAt = 0.85;
const emptyTo = 0.4;
/** The share of the window that a summary may take. */
const summaryPart = 0.08;
/** The share of the window that the model reads in order to summarise. */
const transcriptPart = 0.6;

const summaryMark = "[Older turns were removed. What happened in them:]";

export interface Compacted {
  messages: ModelMessage[];
  tokensBefore: number;
  tokensAfter: number;
  /** `cut` where the model could not summarise. */
  by: "summary" | "cut";
  /** The turn that wrote the summary, where there was one. */
  turn?: Turn;
}

/**
 * Returns the shortened conversation, or undefined while the conversation still fits.
 * `tokensPerEstimate` corrects our estimates by what the provider counted; `overhead` is the
 * instructions and tools that are sent along, in estimated tokens.
 */
export async function compactIfFull(parts: {
  messages: readonly ModelMessage[];
  overhead: number;
  tokensPerEstimate: number;
  model: Model;
  signal: AbortSignal;
}): Promise<Compacted | undefined> {
  const { messages, overhead, tokensPerEstimate, model, signal } = parts;
  const measure = (some: readonly ModelMessage[]) =>
    Math.ceil((estimateTokens(some) + overhead) * tokensPerEstimate);
  const tokensBefore = measure(messages);
  if (tokensBefore <= model.contextWindow * fullAt) return undefined;

  const { task, middle, wish, latest } = divide(messages, (tail) => {
    const room = model.contextWindow * (emptyTo - summaryPart);
    return measure([...messages.slice(0, 1), ...tail]) <= room;
  });
  const mostCharacters = Math.floor(model.contextWindow * summaryPart * 3);
  const turn = middle.length === 0 ? undefined : await summarise(middle, model, signal);
  const summary = (turn?.text ?? cutDown(middle, mostCharacters)).slice(0, mostCharacters);
  const first: ModelMessage = {
    role: "user",
    content: [
      { type: "text", text: task },
      { type: "text", text: `${summaryMark}\n${summary}` },
    ],
  };
  const kept = shrinkResults([first, ...wish, ...latest], (some) => {
    return measure(some) <= model.contextWindow * emptyTo;
  });
  return {
    messages: kept,
    tokensBefore,
    tokensAfter: measure(kept),
    by: turn === undefined ? "cut" : "summary",
    ...(turn === undefined ? {} : { turn }),
  };
}

/**
 * The latest part begins with a message of the user or the model, never with the result of a
 * removed call. The last message of the user is kept even when it is old, because the agent works
 * on it now.
 */
function divide(
  messages: readonly ModelMessage[],
  fits: (tail: readonly ModelMessage[]) => boolean,
): { task: string; middle: ModelMessage[]; wish: ModelMessage[]; latest: ModelMessage[] } {
  const [first, ...others] = messages;
  let start = others.findLastIndex(({ role }) => role !== "tool");
  for (let index = start - 1; index >= 0; index -= 1) {
    if (!fits(others.slice(index))) break;
    if (others[index]?.role !== "tool") start = index;
  }
  const cut = Math.max(0, start);
  const middle = others.slice(0, cut);
  const latest = others.slice(cut);
  const isAsked = latest.some(({ role }) => role === "user");
  const wishAt = isAsked ? -1 : middle.findLastIndex(({ role }) => role === "user");
  const wish = wishAt === -1 ? [] : middle.splice(wishAt, 1);
  return { task: taskOf(first), middle, wish, latest };
}

/** The task without an earlier summary, which is the second part of the first message. */
function taskOf(first: ModelMessage | undefined): string {
  if (first === undefined) return "";
  if (typeof first.content === "string") return first.content;
  const [part] = first.content;
  return part?.type === "text" ? part.text : "";
}

const summaryInstructions =
  "You shorten the record of an agent's work, so that the agent can go on with it. Keep: what was " +
  "asked and every later wish of the user, decisions and their reasons, files that were read or " +
  "changed and how, commands and their outcome, errors, what is still to do. Keep names, paths " +
  "and numbers exactly. Write plain sentences, no greeting. Do not call tools.";

async function summarise(
  middle: readonly ModelMessage[],
  model: Model,
  signal: AbortSignal,
): Promise<Turn | undefined> {
  const room = Math.floor(model.contextWindow * transcriptPart * 3);
  const each = Math.max(500, Math.floor(room / middle.length));
  const record = middle.map((message) => describeMessage(message, each)).join("\n");
  try {
    const turn = await model.turn({
      instructions: summaryInstructions,
      messages: [{ role: "user", content: record.slice(0, room) }],
      tools: [],
      lastData: [],
      signal,
      sayText: () => undefined,
      sayThought: () => undefined,
      retrying: () => undefined,
    });
    return turn.text.trim() === "" ? undefined : turn;
  } catch (error) {
    if (signal.aborted) throw error;
    // A failed summary must not end the task: the middle is cut mechanically instead.
    return undefined;
  }
}

/** A line or two of each message, shorter the more messages there are. */
function cutDown(middle: readonly ModelMessage[], mostCharacters: number): string {
  const each = Math.max(40, Math.floor(mostCharacters / Math.max(1, middle.length)) - 20);
  const lines = middle.map((message) => describeMessage(message, each));
  return lines.join("\n");
}

/** Cuts the oldest tool results first where even the latest work does not fit. */
function shrinkResults(
  messages: ModelMessage[],
  fits: (some: readonly ModelMessage[]) => boolean,
): ModelMessage[] {
  const kept = [...messages];
  for (const [index, message] of kept.entries()) {
    if (fits(kept)) break;
    if (message.role !== "tool") continue;
    const content = message.content.map((part) =>
      part.type === "tool-result" && JSON.stringify(part.output).length > 1_000
        ? {
            ...part,
            output: {
              type: "text" as const,
              value: `${textOfOutput(part.output).slice(0, 800)}\n[cut]`,
            },
          }
        : part,
    );
    kept[index] = { ...message, content };
  }
  return kept;
}
