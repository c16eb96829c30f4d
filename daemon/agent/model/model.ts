/** The interface of a model: one turn at a time. The rehearsal planner implements it too. */
import type { ModelMessage } from "ai";
import type { TypedError } from "../contract/runErrors.ts";

/** A tool as a model sees it; `inputSchema` is JSON Schema. */
export interface ToolSpec {
  name: string;
  description: string;
  inputSchema: object;
}

export interface ToolCall {
  id: string;
  name: string;
  /** What the model wrote, parsed; a string where it was not JSON. */
  input: unknown;
}

/** The usage of one turn. What the provider does not report is absent. */
export interface TurnUsage {
  inputTokens: number;
  outputTokens: number;
  cachedInputTokens: number;
  costUsd?: number;
}

export interface TurnRequest {
  instructions: string;
  messages: readonly ModelMessage[];
  tools: readonly ToolSpec[];
  /** The results of the last turn's calls as data, in the order of the calls. */
  lastData: readonly unknown[];
  signal: AbortSignal;
  sayText(delta: string): void;
  sayThought(delta: string): void;
  /** Called before the wait that precedes another try of the same turn. */
  retrying(facts: { attempt: number; inMs: number; error: TypedError }): void;
}

export interface Turn {
  /** The assistant's message, with its calls, that is added to the conversation. */
  message: ModelMessage;
  text: string;
  calls: ToolCall[];
  finish: "stop" | "calls" | "length" | "refusal";
  usage?: TurnUsage;
}

export interface Model {
  /** The name that people see: provider/model. */
  readonly name: string;
  /** In tokens. */
  readonly contextWindow: number;
  /** One call of the model. Rejects with a TypedError, or with the signal's reason when aborted. */
  turn(request: TurnRequest): Promise<Turn>;
}

/** The turn of a model that said this text and made these calls. */
export function turnOf(text: string, calls: ToolCall[]): Turn {
  const said = text === "" ? [] : [{ type: "text" as const, text }];
  const called = calls.map(({ id, name, input }) => ({
    type: "tool-call" as const,
    toolCallId: id,
    toolName: name,
    input,
  }));
  return {
    message: { role: "assistant", content: [...said, ...called] },
    text,
    calls,
    finish: calls.length > 0 ? "calls" : "stop",
  };
}
