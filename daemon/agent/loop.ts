/**
 * Works on one prompt of a session: turns of the model and the tools that they call, until the end.
 */
import type { StopReason } from "@agentclientprotocol/sdk";
import type { ModelMessage } from "ai";
import type { RunErrorCode } from "../../protocol/session.ts";
import { executeCalls } from "./calls.ts";
import type { CallWorld } from "./calls.ts";
import { compactIfFull } from "./compaction.ts";
import { brokenMessage, estimateTokens, userMessage } from "./conversation.ts";
import type { Model, Turn } from "./model/model.ts";
import type { TextInPieces } from "../base/redaction.ts";
import type { Tool } from "./tools/tool.ts";
import type { UsageCount } from "./usage.ts";

export interface PromptWork {
  model: Model;
  instructions: string;
  /** The conversation. New messages are appended; compaction replaces messages. */
  messages: ModelMessage[];
  world: CallWorld;
  /** The most turns of this prompt. */
  maxTurns: number;
  /** The most tokens of the session, input and output; infinite without a limit. */
  maxTokens: number;
  usage: UsageCount;
  signal: AbortSignal;
  /** Whether the client wants the prompt to end before its next turn. */
  shallPause(): boolean;
  /** Removes and returns the messages that came during the prompt. */
  takeInjected(): string[];
  /** Saves the conversation. Called only while every call in it has its result. */
  save(): Promise<void>;
}

export interface PromptEnd {
  stopReason: StopReason;
  /** The cause, where the stop reason of the protocol does not name it. */
  code?: RunErrorCode;
  /** The client paused the prompt between two turns; an empty prompt continues. */
  paused?: true;
}

/**
 * Rejects with a TypedError when the model fails, and with the signal's reason when aborted. What
 * was said until then is in the conversation.
 */
export async function runPrompt(work: PromptWork): Promise<PromptEnd> {
  const { model, messages, world, usage, signal } = work;
  const tools = [...world.tools.values()];
  const overhead = estimateTokens([work.instructions, tools]);
  let tokensPerEstimate = 1;
  let lastData: unknown[] = [];

  for (let turns = 0; ; turns += 1) {
    signal.throwIfAborted();
    if (work.shallPause()) return { stopReason: "cancelled", paused: true };
    messages.push(...work.takeInjected().map(userMessage));
    if (turns >= work.maxTurns) return { stopReason: "max_turn_requests", code: "max_turns" };
    if (usage.session().inputTokens + usage.session().outputTokens >= work.maxTokens) {
      return { stopReason: "max_tokens", code: "budget_exceeded" };
    }
    await compact(work, overhead, tokensPerEstimate);
    const estimated = estimateTokens(messages) + overhead;
    const turn = await takeTurn(work, tools, lastData);
    usage.addTurn(turn.usage, model.contextWindow);
    if (turn.usage !== undefined && turn.usage.inputTokens > 0) {
      tokensPerEstimate = Math.min(3, Math.max(0.5, turn.usage.inputTokens / estimated));
    }
    if (turn.calls.length > 0) {
      usage.addToolCalls(turn.calls.length);
      const executed = await executeCalls(turn.calls, world, signal);
      messages.push(turn.message, { role: "tool", content: executed.map(({ part }) => part) });
      lastData = executed.map(({ data }) => data);
    } else if (turn.text !== "") messages.push(turn.message);
    await work.save();
    if (turn.finish === "refusal") return { stopReason: "refusal", code: "refused" };
    if (turn.calls.length > 0) continue;
    if (turn.finish === "length") return { stopReason: "max_tokens" };
    const injected = work.takeInjected();
    if (injected.length === 0) return { stopReason: "end_turn" };
    messages.push(...injected.map(userMessage));
  }
}

/** Takes one turn. What the model said in a turn that breaks off stays in the conversation. */
async function takeTurn(work: PromptWork, tools: Tool[], lastData: unknown[]): Promise<Turn> {
  const { model, instructions, messages, world, signal } = work;
  const speech = createSpeech(world);
  let said = "";
  try {
    return await model.turn({
      instructions,
      messages,
      tools,
      lastData,
      signal,
      sayText(text) {
        said += text;
        speech.say("agent_message_chunk", text);
      },
      sayThought: (text) => speech.say("agent_thought_chunk", text),
      retrying({ attempt, inMs, error }) {
        const seconds = Math.round(inMs / 100) / 10;
        world.client.notice("warning", `Trying again in ${seconds} s: ${error.message}`, {
          retry: { attempt, inMs, error: error.runError },
        });
      },
    });
  } catch (error) {
    if (said !== "") messages.push(brokenMessage(said));
    await work.save();
    throw error;
  } finally {
    speech.end();
  }
}

type Chunk = "agent_message_chunk" | "agent_thought_chunk";

/** Sends what the model says to the client while the model says it, in order. */
function createSpeech({ client, redaction }: PromptWork["world"]) {
  let current: { kind: Chunk; pieces: TextInPieces } | undefined;
  const end = () => {
    current?.pieces.end();
    current = undefined;
  };
  return {
    say(kind: Chunk, piece: string): void {
      if (current?.kind !== kind) end();
      const send = (text: string) =>
        client.update({ sessionUpdate: kind, content: { type: "text", text } });
      current ??= { kind, pieces: redaction.inPieces(send) };
      current.pieces.push(piece);
    },
    end,
  };
}

async function compact(
  work: PromptWork,
  overhead: number,
  tokensPerEstimate: number,
): Promise<void> {
  const { messages, model, signal, world, usage } = work;
  const compacted = await compactIfFull({ messages, overhead, tokensPerEstimate, model, signal });
  if (compacted === undefined) return;
  const { tokensBefore, tokensAfter, by, turn } = compacted;
  messages.splice(0, messages.length, ...compacted.messages);
  if (turn !== undefined) usage.addTurn(turn.usage, model.contextWindow);
  world.client.notice(
    "info",
    `Older turns were shortened: about ${tokensBefore} tokens before, ${tokensAfter} now`,
    { compaction: { tokensBefore, tokensAfter, by } },
  );
  await work.save();
}
