/** Answers the built-in agent's requests for turns of an editor's models, in one session. */
import type { ModelTurns } from "../modelTurns.ts";
import { ModelQuestion } from "../../../protocol/models.ts";
import { ownMethods } from "../../agent/contract/ownMethods.ts";
import type { AcpConnection, SessionSide } from "../acp/connection.ts";
import { objectIn, textIn, type Json } from "../formats/json.ts";

/** Extends the session's side with these requests. */
export function withEditorModels(
  side: SessionSide,
  parts: {
    sessionId: string;
    notify: AcpConnection["notify"];
    models: ModelTurns;
  },
): SessionSide {
  const { sessionId, notify, models } = parts;
  const turns = new Map<string, AbortController>();

  async function complete(params: Json): Promise<object> {
    const { requestId, ...question } = ModelQuestion.parse(objectIn(params, "question"));
    const controller = new AbortController();
    turns.set(requestId, controller);
    let sent = 0;
    try {
      const answer = await models.complete({
        ...question,
        signal: controller.signal,
        onPart: (part) => {
          notify(ownMethods.turnPart, { sessionId, requestId, index: sent, part });
          sent += 1;
        },
      });
      return "error" in answer ? answer : { ...answer, parts: sent };
    } finally {
      turns.delete(requestId);
    }
  }

  return {
    update: (update) => side.update(update),
    ready: () => side.ready(),
    async answer(method, params) {
      if (method === ownMethods.completeTurn) return await complete(params);
      if (method !== ownMethods.cancelTurn) return await side.answer(method, params);
      turns.get(textIn(params, "requestId") ?? "")?.abort();
      return {};
    },
  };
}
