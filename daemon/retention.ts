/**
 * Removes sessions: those a person deletes, and those that are old or too many. Nothing that is
 * still open is ever pruned, and pruning works in small pieces beside the normal writes.
 */
import type { ParamsOf, ResultOf } from "../protocol/messages.ts";
import { isTerminal } from "../protocol/session.ts";
import { OffshootError } from "../protocol/errors.ts";
import type { ApprovalRules } from "./approvalRules.ts";
import { messageOf } from "./endings.ts";
import type { Scheduler } from "./scheduler.ts";
import type { SessionTree } from "./sessions.ts";
import type { StoredSession } from "./store/records.ts";
import type { Store } from "./store/sessionStore.ts";

export interface Retention {
  /** Ends what is open of them, then removes them. Answers how many there were. */
  remove(sessionIds: readonly string[]): Promise<number>;
  /** Removes ended subtrees older than an age, then the oldest until the store has a size. */
  prune(params: ParamsOf<"daemon/prune">): Promise<ResultOf<"daemon/prune">>;
}

interface Parts {
  tree: SessionTree;
  store: Store;
  scheduler: Scheduler;
  approvalRules: Pick<ApprovalRules, "removeOrphans">;
  /** Removes what agents keep of sessions that are gone. */
  removeFiles: (records: readonly StoredSession[]) => Promise<void>;
  now: () => number;
}

/** Subtrees that are removed before the size is looked at again. */
const subtreesPerPiece = 20;

export function createRetention(parts: Parts): Retention {
  const { tree, store, scheduler, approvalRules, removeFiles, now } = parts;

  async function remove(sessionIds: readonly string[]): Promise<number> {
    let removed = 0;
    await scheduler.endForDeletion(sessionIds, async (ids) => {
      const records = ids.map(tree.get);
      try {
        await tree.remove(ids);
      } catch (error) {
        const cause = messageOf(error);
        const message = `the store cannot remove it now: ${cause}`;
        throw new OffshootError("storeUnavailable", message, { cause });
      }
      await approvalRules.removeOrphans();
      for (const id of ids) scheduler.waits.changed(id);
      removed = ids.length;
      await removeFiles(records);
    });
    return removed;
  }

  /** What hangs below a root, and roots with nothing below: each with when it was last changed. */
  function endedSubtrees(): { ids: string[]; endedAt: number }[] {
    const found: { ids: string[]; endedAt: number }[] = [];
    for (const { session } of tree.records()) {
      if (session.depth > 1) continue;
      const ids = [...tree.descendantsOf(session.id), session.id];
      if (session.kind === "root" && ids.length > 1) continue;
      const sessions = ids.map((id) => tree.get(id).session);
      if (!sessions.every((one) => one.kind === "root" || isTerminal(one))) continue;
      found.push({ ids, endedAt: Math.max(...sessions.map(({ updatedAt }) => updatedAt)) });
    }
    return found.sort((a, b) => a.endedAt - b.endedAt);
  }

  /** Removes subtrees, and the completions that are older than those of all that stays. */
  async function removeEnded(subtrees: { ids: string[] }[]): Promise<number> {
    if (subtrees.length === 0) return 0;
    const removed = await remove(subtrees.flatMap(({ ids }) => ids));
    let oldest = Number.MAX_SAFE_INTEGER;
    for (const { completionSeq = oldest } of tree.records()) {
      oldest = Math.min(oldest, completionSeq);
    }
    await store.pruneCompletions(oldest);
    return removed;
  }

  return {
    remove,
    async prune({ maxAgeMs, maxBytes }) {
      let deleted = 0;
      if (maxAgeMs !== undefined) {
        const old = endedSubtrees().filter(({ endedAt }) => endedAt <= now() - maxAgeMs);
        deleted += await removeEnded(old);
      }
      while (maxBytes !== undefined && (await store.bytes()) > maxBytes) {
        const oldest = endedSubtrees().slice(0, subtreesPerPiece);
        if (oldest.length === 0) break;
        deleted += await removeEnded(oldest);
      }
      return { deleted, storeBytes: await store.bytes() };
    },
  };
}
