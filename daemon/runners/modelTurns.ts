/** The part of the core that asks the models of editors, as the built-in agent uses it. */
import type { ModelAnswer, ModelPart, ModelQuestion } from "../../protocol/models.ts";
import type { RunError } from "../../protocol/session.ts";

export interface ModelTurns {
  /** One turn of a model. Never rejects; parts come in the order in which the model said them. */
  complete(turn: ModelTurn): Promise<ModelAnswer | { error: RunError }>;
}

export interface ModelTurn extends Omit<ModelQuestion, "requestId"> {
  onPart(part: ModelPart): void;
  signal: AbortSignal;
}
