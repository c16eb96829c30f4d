/**
 * Requests turns of an editor's models from the agent's client, which asks the editor. A client
 * that does not know the methods has no such models.
 */
import { randomUUID } from "node:crypto";
import { RequestError, type AgentContext } from "@agentclientprotocol/sdk";
import * as z from "zod";
import { ModelAnswer, ModelPart } from "../../protocol/models.ts";
import type { RunErrorCode } from "../../protocol/session.ts";
import { ownMethods } from "./contract/ownMethods.ts";
import type { AskEditor } from "./model/editorModel.ts";
import { TypedError } from "./contract/runErrors.ts";

/** Parts are numbered from 0, because the protocol's library may deliver them in another order. */
const PartParams = z.object({ requestId: z.string(), index: z.number(), part: ModelPart });

/** `parts` is the number of parts. */
const EditorAnswer = z.union([
  z.object({ error: z.object({ code: z.string(), message: z.string() }) }),
  ModelAnswer.extend({ parts: z.number() }),
]);

export function createEditorLink() {
  const open = new Map<string, ReturnType<typeof partsInOrder>>();
  return {
    askerOf:
      (client: AgentContext, sessionId: string): AskEditor =>
      async (question, onPart, signal) => {
        signal.throwIfAborted();
        const requestId = randomUUID();
        const parts = partsInOrder(onPart);
        open.set(requestId, parts);
        const aborted = Promise.withResolvers<never>();
        const cancel = () => {
          client.request(ownMethods.cancelTurn, { sessionId, requestId }).catch(() => undefined);
          aborted.reject(signal.reason);
        };
        signal.addEventListener("abort", cancel, { once: true });
        try {
          const params = { sessionId, question: { ...question, requestId } };
          const asked = client.request(ownMethods.completeTurn, params);
          const answer = EditorAnswer.parse(await Promise.race([asked, aborted.promise]));
          if ("error" in answer) {
            const { code, message } = answer.error;
            return { error: { code: code as RunErrorCode, message } };
          }
          await Promise.race([parts.complete(answer.parts), aborted.promise]);
          return answer;
        } catch (error) {
          if (!(error instanceof RequestError) || error.code !== -32_601) throw error;
          const message = "this client has no models of an editor; choose another provider";
          throw new TypedError("invalid_request", message);
        } finally {
          open.delete(requestId);
          signal.removeEventListener("abort", cancel);
        }
      },
    /** Takes the params of a `turnPart` notification. */
    takePart(params: unknown): void {
      const parsed = PartParams.safeParse(params);
      if (parsed.success)
        open.get(parsed.data.requestId)?.take(parsed.data.index, parsed.data.part);
    },
  };
}

function partsInOrder(onPart: (part: ModelPart) => void) {
  const early = new Map<number, ModelPart>();
  const all = Promise.withResolvers<void>();
  let next = 0;
  let last = Number.POSITIVE_INFINITY;
  const settle = () => {
    for (let part = early.get(next); part !== undefined; part = early.get(next)) {
      early.delete(next);
      next += 1;
      onPart(part);
    }
    if (next >= last) all.resolve();
  };
  return {
    take(index: number, part: ModelPart): void {
      early.set(index, part);
      settle();
    },
    /** Resolves when this many parts were delivered. */
    complete(count: number): Promise<void> {
      last = count;
      settle();
      return all.promise;
    },
  };
}
