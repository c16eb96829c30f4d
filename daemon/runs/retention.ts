/**
 * Removes sessions: those a person deletes, and those that are old or too many. Nothing that is
 * still open is ever pruned, and pruning works in small pieces beside the normal writes.
 */
import type { ParamsOf, ResultOf } from "../../protocol/messages.ts";
import { isTerminal, type Session } from "../../protocol/session.ts";
import { OffshootError } from "../../protocol/errors.ts";
import type { StandingRules } from "../permissions/standingRules.ts";
import { messageOf } from "../base/errors.ts";
import type { Engine } from "./engine.ts";
import type { SessionEnvironments } from "./environments.ts";
import type { StoredSession } from "../sessions/records.ts";

export interface Retention {
  /** Ends what is open of them, then removes them. Answers how many there were. */
  remove(sessionIds: readonly string[]): Promise<number>;
  /** Removes ended subtrees older than an age, then the oldest until the store has a size. */
  prune(params: ParamsOf<"daemon/prune">): Promise<ResultOf<"daemon/prune">>;
}

interface Subtree {
  top: string;
  /** Children before their parents. */
  ids: string[];
  /** When it was last changed. */
  endedAt: number;
}

interface Parts {
  engine: Engine;
  approvalRules: Pick<StandingRules, "removeOrphans">;
  environments: Pick<SessionEnvironments, "forget">;
  /** Removes what agents keep of sessions that are gone. */
  removeFiles: (records: readonly StoredSession[]) => Promise<void>;
}

/** Subtrees that are removed before the size is looked at again. */
const subtreesPerPiece = 20;

export function createRetention(parts: Parts): Retention {
  const { approvalRules, environments, removeFiles } = parts;
  const { tree, store, cancels, waits, clock } = parts.engine;

  async function remove(sessionIds: readonly string[]): Promise<number> {
    let removed = 0;
    await cancels.endForDeletion(sessionIds, async (ids) => {
      const records = ids.map((id) => tree.get(id));
      try {
        await tree.remove(ids);
      } catch (error) {
        const cause = messageOf(error);
        const message = `the store cannot remove it now: ${cause}`;
        throw new OffshootError("storeUnavailable", message, { cause });
      }
      await approvalRules.removeOrphans();
      for (const id of ids) {
        environments.forget(id);
        waits.changed(id);
      }
      removed = ids.length;
      await removeFiles(records);
    });
    return removed;
  }

  /** What hangs below a root, and roots with nothing below: the one that ended first comes first. */
  function endedSubtrees(): Subtree[] {
    const tops = [...tree.records()].filter(({ session }) => session.depth <= 1);
    return tops
      .flatMap(({ session }) => endedSubtree(session.id) ?? [])
      .sort((a, b) => a.endedAt - b.endedAt);
  }

  /** Undefined where something of it can still go on, or it is gone. */
  function endedSubtree(top: string): Subtree | undefined {
    const ids = [...tree.descendantsOf(top), top];
    const sessions = ids.flatMap((id) => tree.find(id)?.session ?? []);
    const isOver = ({ kind }: Session) => kind === "root" && ids.length === 1;
    if (!sessions.every((one) => isOver(one) || isTerminal(one))) return undefined;
    let endedAt = 0;
    for (const { updatedAt } of sessions) endedAt = Math.max(endedAt, updatedAt);
    return sessions.length === 0 ? undefined : { top, ids, endedAt };
  }

  /** Removes subtrees, and the completions that are older than those of all that stays. */
  async function removeEnded(subtrees: readonly Subtree[]): Promise<number> {
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
        const old = endedSubtrees().filter(({ endedAt }) => endedAt <= clock.now() - maxAgeMs);
        deleted += await removeEnded(old);
      }
      const waiting = maxBytes === undefined ? [] : endedSubtrees();
      while (waiting.length > 0 && (await store.bytes()) > (maxBytes ?? 0)) {
        const oldest = waiting.splice(0, subtreesPerPiece);
        // Something of them may have begun again meanwhile.
        deleted += await removeEnded(oldest.flatMap(({ top }) => endedSubtree(top) ?? []));
      }
      return { deleted, storeBytes: await store.bytes() };
    },
  };
}
