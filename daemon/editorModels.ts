/**
 * Models that connected clients lend to the built-in agent, such as those of the editor. Which
 * client answers is decided at each turn: the one that offered the model last.
 */
import { v4 as newId } from "uuid";
import { ResponseError } from "vscode-jsonrpc";
import type { ModelAnswer, ModelPart, ModelQuestion, OfferedModel } from "../protocol/models.ts";
import type { RunError } from "../protocol/session.ts";
import { ClientGone } from "./asking.ts";
import { messageOf, runError } from "./endings.ts";
import type { Client } from "./hub.ts";

export interface EditorModels {
  /** Replaces what the client offered before. */
  offer(client: Client, models: readonly OfferedModel[]): void;
  /** Takes a part of an answer from the client that was asked; other parts are ignored. */
  part(client: Client, requestId: string, part: ModelPart): void;
  /** The client is gone, and its models with it. */
  remove(client: Client): void;
  /** What is offered now, by id. */
  all(): ReadonlyMap<string, OfferedModel>;
  /** One turn of a model. Never rejects; parts come in the order in which the model said them. */
  complete(turn: EditorTurn): Promise<ModelAnswer | { error: RunError }>;
}

export interface EditorTurn extends Omit<ModelQuestion, "requestId"> {
  onPart(part: ModelPart): void;
  signal: AbortSignal;
}

export function createEditorModels(): EditorModels {
  const offers = new Map<Client, readonly OfferedModel[]>();
  const asked = new Map<string, { client: Client; onPart: (part: ModelPart) => void }>();

  function clientFor(model: string): Client | undefined {
    return [...offers].findLast(([, models]) => models.some(({ id }) => id === model))?.[0];
  }

  return {
    offer(client, models) {
      offers.delete(client);
      if (models.length > 0) offers.set(client, models);
    },
    part(client, requestId, part) {
      const question = asked.get(requestId);
      if (question?.client === client) question.onPart(part);
    },
    remove: (client) => void offers.delete(client),
    all: () => new Map([...offers.values()].flat().map((model) => [model.id, model])),
    async complete({ onPart, signal, ...question }) {
      const client = clientFor(question.model);
      if (client === undefined) return { error: notOffered(question.model, offers) };
      const requestId = newId();
      asked.set(requestId, { client, onPart });
      try {
        const params = { ...question, requestId };
        return await client.asking.ask("model/complete", params, signal);
      } catch (err) {
        return { error: errorOf(err, signal) };
      } finally {
        asked.delete(requestId);
      }
    },
  };
}

function notOffered(model: string, offers: ReadonlyMap<Client, readonly OfferedModel[]>): RunError {
  const ids = [...offers.values()].flat().map(({ id }) => `vscode/${id}`);
  const others = ids.length === 0 ? "no window offers models" : `there are: ${ids.join(", ")}`;
  const message = `no connected window offers the model vscode/${model}; ${others}. Open a VS Code window with Offshoot, allow it to use the editor's models, and run this again.`;
  return runError("invalid_request", message);
}

function errorOf(err: unknown, signal: AbortSignal): RunError {
  if (signal.aborted) return runError("aborted", "the turn was cancelled");
  if (err instanceof ClientGone) {
    return runError("network", "the window whose model answered was closed");
  }
  if (err instanceof ResponseError) return runError("server_error", messageOf(err));
  return runError("protocol_error", messageOf(err));
}
