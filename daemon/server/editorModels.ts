/**
 * Models that connected clients offer to the built-in agent, such as those of the editor. At each
 * turn, the client that offered the model last answers. While a window reloads, its models are
 * gone for a moment; turns wait for them.
 */
import { messageOf, runError } from "../base/errors.ts";
import { EventEmitter, once } from "node:events";
import { v4 as newId } from "uuid";
import { ResponseError } from "vscode-jsonrpc";
import type { ModelPart, OfferedModel } from "../../protocol/models.ts";
import type { RunError } from "../../protocol/session.ts";
import { ClientGone } from "./clientRequests.ts";
import type { ModelTurns } from "../runners/modelTurns.ts";
import type { Client } from "./hub.ts";

export interface EditorModels extends ModelTurns {
  /** Replaces what the client offered before. */
  offer(client: Client, models: readonly OfferedModel[]): void;
  /** Takes a part of an answer from the client that was asked; other parts are ignored. */
  part(client: Client, requestId: string, part: ModelPart): void;
  /** The client is gone, and its models with it; turns wait a moment for its return. */
  remove(client: Client): void;
  /** What is offered now, by id. */
  all(): ReadonlyMap<string, OfferedModel>;
}

/** How long turns wait for a window that has left. */
const reloadMs = 15_000;

export function createEditorModels(): EditorModels {
  const offers = new Map<Client, readonly OfferedModel[]>();
  const offering = new EventEmitter<{ offer: [] }>().setMaxListeners(0);
  /** When the last client left that offered a model, by the model's id. */
  const leftAt = new Map<string, number>();
  const asked = new Map<string, { client: Client; onPart: (part: ModelPart) => void }>();

  function clientFor(model: string): Client | undefined {
    return [...offers].findLast(([, models]) => models.some(({ id }) => id === model))?.[0];
  }

  async function clientSoonFor(model: string, signal: AbortSignal): Promise<Client | undefined> {
    const deadline = (leftAt.get(model) ?? Number.NEGATIVE_INFINITY) + reloadMs;
    let client = clientFor(model);
    for (;;) {
      const restMs = Math.ceil(deadline - performance.now());
      if (client !== undefined || restMs <= 0 || signal.aborted) return client;
      const isOver = AbortSignal.any([signal, AbortSignal.timeout(restMs)]);
      await once(offering, "offer", { signal: isOver }).catch(() => undefined);
      client = clientFor(model);
    }
  }

  return {
    offer(client, models) {
      // A model that its client took back is not waited for.
      for (const { id } of offers.get(client) ?? []) leftAt.delete(id);
      offers.delete(client);
      if (models.length === 0) return;
      offers.set(client, models);
      offering.emit("offer");
    },
    part(client, requestId, part) {
      const question = asked.get(requestId);
      if (question?.client === client) question.onPart(part);
    },
    remove(client) {
      for (const { id } of offers.get(client) ?? []) leftAt.set(id, performance.now());
      offers.delete(client);
    },
    all: () => new Map([...offers.values()].flat().map((model) => [model.id, model])),
    async complete({ onPart, signal, ...question }) {
      const client = await clientSoonFor(question.model, signal);
      if (signal.aborted) return { error: errorOf(undefined, signal) };
      if (client === undefined) return { error: notOffered(question.model, offers) };
      const requestId = newId();
      asked.set(requestId, { client, onPart });
      try {
        const params = { ...question, requestId };
        return await client.requests.ask("model/complete", params, signal);
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
