/** What the built-in agent gets of the sessions around a run: earlier messages and a model. */
import type { Message, Session } from "../../protocol/session.ts";
import type { SessionTree } from "./sessionTree.ts";

/** Only so many of the newest messages are handed on. */
const mostMessages = 1_000;

export interface History {
  /** The messages of a session before its present run, oldest first. */
  history(sessionId: string): Promise<{ role: "user" | "assistant"; text: string }[]>;
  /** The model of the nearest session above that works with the built-in agent. */
  inheritedModel(session: Session): string | undefined;
}

export function createHistory({
  tree,
  store,
}: {
  tree: SessionTree;
  store: { messages(sessionId: string, afterN: number, limit: number): Promise<Message[]> };
}): History {
  return {
    async history(sessionId) {
      const { unreadFrom } = tree.get(sessionId);
      const after = Math.max(0, unreadFrom - 1 - mostMessages);
      const messages = await store.messages(sessionId, after, mostMessages);
      return messages.flatMap(({ n, role, text }) =>
        n < unreadFrom && (role === "user" || role === "assistant") ? [{ role, text }] : [],
      );
    },
    inheritedModel: ({ parentId }) =>
      tree
        .upwards(parentId ?? "")
        .find(({ session }) => session.runner === "model" && session.model !== undefined)?.session
        .model,
  };
}
