/**
 * Cancelling: ends what is open of a subtree, children first. The wish is stored before it is
 * answered, so that what was cancelled never runs, also when the core dies in the next moment.
 */
import { v7 as newId } from "uuid";
import { isLive, type Session } from "../../protocol/session.ts";
import type { Completions } from "./completions.ts";
import { beforeStart, endingOf, type EndCause } from "../sessions/endings.ts";
import { endRun, type LiveRun } from "./life.ts";
import type { Log } from "../base/log.ts";
import type { RunQueue } from "./queue.ts";
import type { SessionTree } from "../sessions/sessionTree.ts";
import type { CancelWish, StoredSession } from "../sessions/records.ts";
import { isOpen, transition } from "../sessions/transition.ts";

export interface Cancelling {
  /** Begins to end the subtree; resolves when it is certain that all of it will end. */
  cancel(sessionId: string, wish: CancelWish): Promise<void>;
  /** Goes on with what a dead core was asked to cancel; nothing of it starts from here on. */
  goOn(): Promise<void>;
  /** Ends what is open of a subtree, all of it at once; resolves when all was told. */
  endTree(sessionId: string, cause: EndCause): Promise<void>;
  /** The same, without the session itself. */
  endBelow(sessionId: string, cause: EndCause): Promise<void>;
  /** Ends a queued or paused session. */
  endWaiting(sessionId: string, cause: EndCause): Promise<boolean>;
  /** Whether the session's own subtree is being cancelled. */
  isCancelling(sessionId: string): boolean;
}

interface Parts {
  tree: SessionTree;
  queue: RunQueue;
  completions: () => Completions;
  liveRun: (sessionId: string) => LiveRun | undefined;
  now: () => number;
  log: Log;
}

export function createCancelling(parts: Parts): Cancelling {
  const { tree, queue, liveRun, now, log } = parts;
  /** How many cancels of a session are not through yet. */
  const ending = new Map<string, number>();

  async function cancel(sessionId: string, wish: CancelWish): Promise<void> {
    ending.set(sessionId, (ending.get(sessionId) ?? 0) + 1);
    const stored = store(sessionId, wish);
    void endTree(sessionId, { kind: "cancelled", ...wish })
      .catch((err: unknown) => log.error({ err, sessionId }, "a cancel failed"))
      .finally(() => through(sessionId));
    await stored;
  }

  async function store(sessionId: string, wish: CancelWish | undefined): Promise<void> {
    const { cancelWish: _before, ...record } = tree.get(sessionId);
    const next = wish === undefined ? record : { ...record, cancelWish: wish };
    await tree.commit([{ records: [next] }], { ifFailing: "keep" });
  }

  /** The wish of a child went with its end; what had no end of its own forgets it here. */
  function through(sessionId: string): void {
    const left = (ending.get(sessionId) ?? 1) - 1;
    if (left > 0) return void ending.set(sessionId, left);
    ending.delete(sessionId);
    if (tree.find(sessionId)?.cancelWish !== undefined) void store(sessionId, undefined);
  }

  async function endTree(sessionId: string, cause: EndCause): Promise<void> {
    const last = liveRun(sessionId);
    // Its end is being stored, with a run of the messages that came meanwhile: that one is meant.
    if (last?.phase === "closed" && isFollowed(last)) await last.done;
    const started = liveRun(sessionId);
    if (started !== undefined) endRun(started, cause);
    // It must not start while its children end.
    else queue.remove(sessionId);
    await endBelow(sessionId, cause);
    const run = liveRun(sessionId);
    if (run !== undefined && run !== started) endRun(run, cause);
    if (run !== undefined) return await run.done;
    const record = tree.find(sessionId);
    if (record === undefined || record.session.kind === "root") return;
    if (record.session.status === "created") await endCreated(record, cause);
    // What is live without a run of its own is adopted, and ends with its parent's run.
    else if (isOpen(record.session) && !isLive(record.session)) {
      await endWaiting(sessionId, cause);
    }
  }

  function isFollowed({ sessionId, runId }: LiveRun): boolean {
    const session = tree.find(sessionId)?.session;
    return (
      session !== undefined && isOpen(session) && "runId" in session && session.runId !== runId
    );
  }

  async function endBelow(sessionId: string, cause: EndCause): Promise<void> {
    const below: EndCause = cause.kind === "cancelled" ? { ...cause, by: "parent" } : cause;
    await Promise.all([...tree.childrenOf(sessionId)].map((id) => endTree(id, below)));
  }

  /** A session that never had a run gets one that never starts, so that its end can be told. */
  async function endCreated(record: StoredSession, cause: EndCause): Promise<void> {
    const move = { type: "enqueue", runId: newId() } as const;
    const session: Session = transition(record.session, move, now());
    void tree.commit([{ records: [{ ...record, session }] }], { ifFailing: "keep" });
    await endWaiting(session.id, cause);
  }

  /** What was paused, or begun by a dead core, has started before. */
  function endWaiting(sessionId: string, cause: EndCause): Promise<boolean> {
    queue.remove(sessionId);
    const reason = cause.kind === "cancelled" ? cause.reason : undefined;
    const hasStarted = tree.get(sessionId).started === true;
    const how = hasStarted
      ? endingOf({ status: "aborted" }, [cause])
      : beforeStart.cancelled(reason);
    return parts.completions().end(sessionId, how);
  }

  return {
    cancel,
    endTree,
    endBelow,
    endWaiting,
    isCancelling: (sessionId) => ending.has(sessionId),
    async goOn() {
      const wished = [...tree.records()].flatMap(({ session, cancelWish }) =>
        cancelWish === undefined ? [] : [cancel(session.id, cancelWish)],
      );
      await Promise.all(wished);
    },
  };
}
