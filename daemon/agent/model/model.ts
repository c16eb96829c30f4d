/** What the loop needs of a model: one turn at a time. The rehearsal planner has this shape too. */
import type { ModelMessage } from "ai";
import type { TypedError } from "../runErrors.ts";

/** A tool as a model sees it; `inputSchema` is JSON Schema. */
export interface ToolSpec {
  name: string;
  description: string;
  inputSchema: object;
}

export interface ToolCall {
  id: string;
  name: string;
  /** What the model wrote, parsed; a string where that was no JSON. */
  input: unknown;
}

/** Of one turn. What the provider does not say is absent. */
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
  /** What the calls of the last turn answered as data, in their order. */
  lastData: readonly unknown[];
  signal: AbortSignal;
  sayText(delta: string): void;
  sayThought(delta: string): void;
  /** Another try of the same turn begins after a wait. */
  retrying(facts: { attempt: number; inMs: number; error: TypedError }): void;
}

export interface Turn {
  /** What joins the conversation: the assistant's message with its calls. */
  message: ModelMessage;
  text: string;
  calls: ToolCall[];
  finish: "stop" | "calls" | "length" | "refusal";
  usage?: TurnUsage;
}

export interface Model {
  /** As it is shown: provider/model. */
  readonly name: string;
  /** In tokens. */
  readonly contextWindow: number;
  /** One call of the model. Rejects with a TypedError, or with the signal's reason when aborted. */
  turn(request: TurnRequest): Promise<Turn>;
}
