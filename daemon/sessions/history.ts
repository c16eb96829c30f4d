/** What the built-in agent is told of the sessions around a run: what was said, and by which model. */
import type { Message, Session } from "../../protocol/session.ts";
import type { SessionTree } from "./sessionTree.ts";

/** Older messages than these are left out. */
const mostMessages = 1_000;

export interface EarlierTalk {
  /** What was said in a session before its present run, oldest first. */
  history(sessionId: string): Promise<{ role: "user" | "assistant"; text: string }[]>;
  /** The model of the nearest session above that works with the built-in agent. */
  inheritedModel(session: Session): string | undefined;
}

export function createEarlierTalk({
  tree,
  store,
}: {
  tree: SessionTree;
  store: { messages(sessionId: string, afterN: number, limit: number): Promise<Message[]> };
}): EarlierTalk {
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
