/** Frames of earlier events and completions, read from the store page by page. */
import type { StoredEvent } from "../../protocol/events.ts";
import type { Completion } from "../../protocol/messages.ts";
import { isTerminal } from "../../protocol/session.ts";
import { completionOf } from "../sessions/completion.ts";
import { frame } from "../wire/framing.ts";
import { stoppingMethod } from "../wire/handshake.ts";
import { notificationFrame } from "./hub.ts";
import type { Replays } from "./outbound.ts";
import type { SessionTree } from "../sessions/sessionTree.ts";
import type { Store } from "../store/sessionStore.ts";

/** Rows that are read at once: small enough that a slow client costs little memory. */
const pageSize = 50;

export function createReplays(tree: SessionTree, store: Store): Replays {
  function eventFrame(sessionId: string, { runId, seq, event }: StoredEvent): Buffer {
    return notificationFrame("subAgent/event", {
      parentSessionId: tree.find(sessionId)?.session.parentId ?? "",
      childSessionId: sessionId,
      runId,
      seq,
      event,
    });
  }

  const gap = (sessionId: string, from: number, to: number) =>
    notificationFrame("subAgent/gap", { sessionId, from, to });

  return {
    async events(sessionId, from, to) {
      const stored = await store.events(sessionId, from - 1, Math.min(pageSize, to - from + 1));
      const events = stored.filter(({ seq }) => seq <= to);
      const last = events.at(-1);
      if (last !== undefined) {
        return { frames: events.map((event) => eventFrame(sessionId, event)), next: last.seq + 1 };
      }
      // Where the session was removed nothing is due; where the store fails, the gap is named.
      const exists = tree.find(sessionId) !== undefined;
      return { frames: exists ? [gap(sessionId, from, to)] : [], next: to + 1 };
    },
    async completions(from, to, rootIds) {
      const stored = await store.completions(from - 1, pageSize);
      const inStore = stored.filter(({ completionSeq }) => completionSeq <= to);
      const found = inStore.length > 0 ? inStore : unstored(tree, from, to);
      const isWanted = ({ childSessionId }: Completion) =>
        rootIds === undefined || rootIds.has(tree.find(childSessionId)?.session.rootId ?? "");
      return {
        frames: found
          .filter(isWanted)
          .map((completion) =>
            notificationFrame("subAgent/completed", { ...completion, replayed: true }),
          ),
        next: (inStore.at(-1)?.completionSeq ?? to) + 1,
      };
    },
    gap,
  };
}

/** Completions that were sent, and that only the sessions hold because the store fails. */
function unstored(tree: SessionTree, from: number, to: number): Completion[] {
  const found: Completion[] = [];
  for (const { session, completionSeq } of tree.records()) {
    if (completionSeq === undefined || completionSeq < from || completionSeq > to) continue;
    const shown = tree.peek(session.id);
    if (shown === undefined || !isTerminal(shown) || shown.stored) continue;
    found.push(completionOf(shown, completionSeq));
  }
  return found.sort((a, b) => a.completionSeq - b.completionSeq);
}

/** The last frame of a core that stops in order, see handshake.ts. */
export const stoppingFrame = frame(
  JSON.stringify({ jsonrpc: "2.0", method: stoppingMethod, params: {} }),
);
