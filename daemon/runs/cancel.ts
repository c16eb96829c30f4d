/**
 * Cancelling: ends what is open of a subtree, children first. The wish is stored before it is
 * answered, so that what was cancelled never runs, also when the core dies in the next moment.
 */
import { v7 as newId } from "uuid";
import { OffshootError } from "../../protocol/errors.ts";
import { isLive, type Session } from "../../protocol/session.ts";
import type { Clock } from "../base/clock.ts";
import type { Log } from "../base/log.ts";
import { beforeStart, endingOf, type EndCause } from "../sessions/endings.ts";
import type { CancelWish, StoredSession } from "../sessions/records.ts";
import type { SessionTree } from "../sessions/sessionTree.ts";
import { isOpen, transition } from "../sessions/transition.ts";
import type { Completions } from "./completions.ts";
import type { RunQueue } from "./queue.ts";
import { endRun, type Run } from "./run.ts";
import type { RunTable } from "./runTable.ts";

interface Parts {
  tree: SessionTree;
  queue: RunQueue;
  runs: RunTable;
  completions: Completions;
  clock: Clock;
  log: Log;
}

export class Cancels {
  readonly #parts: Parts;
  /** How many cancels of a session are not through yet. */
  readonly #cancelling = new Map<string, number>();
  /** Sessions that are being deleted. */
  readonly #deleting = new Set<string>();

  constructor(parts: Parts) {
    this.#parts = parts;
  }

  /**
   * Begins to end the subtree; resolves when it is certain that all of it will end. `byRunOf`: the
   * session whose run asks for it.
   */
  async cancel(
    sessionId: string,
    reason: string | undefined,
    byRunOf: string | undefined,
  ): Promise<void> {
    const { tree } = this.#parts;
    const target = tree.get(sessionId);
    if (isLive(target.session)) refuseAdopted(target);
    const isParent = byRunOf !== undefined && tree.isWithin(sessionId, byRunOf);
    const by = isParent && byRunOf !== sessionId ? "parent" : "user";
    await this.#cancel(sessionId, { by, ...(reason && { reason }) });
  }

  /** Resumes the cancels that a dead core had accepted; no run that they concern starts any more. */
  async resume(): Promise<void> {
    const wished = [...this.#parts.tree.records()].flatMap(({ session, cancelWish }) =>
      cancelWish === undefined ? [] : [this.#cancel(session.id, cancelWish)],
    );
    await Promise.all(wished);
  }

  /** Whether the session, or one above it, is being made to end: nothing new belongs below it. */
  isEnding(sessionId: string): boolean {
    const { tree, runs } = this.#parts;
    return tree.upwards(sessionId).some(({ session: { id } }) => {
      const kind = runs.get(id)?.stop.causes[0]?.kind;
      const isMadeToEnd = kind !== undefined && kind !== "replaced";
      return isMadeToEnd || this.#cancelling.has(id) || this.#deleting.has(id);
    });
  }

  /** Whether the session, or one above it, is being deleted. */
  isDeleting(sessionId: string): boolean {
    const above = this.#parts.tree.upwards(sessionId);
    return above.some(({ session }) => this.#deleting.has(session.id));
  }

  /** Throws 1003 where nothing new may begin in the session. */
  refuse(record: StoredSession): void {
    refuseAdopted(record);
    const { id, status } = record.session;
    if (!this.isDeleting(id)) return;
    throw new OffshootError("invalidState", `session ${id} is being deleted`, { status });
  }

  /**
   * Ends what is open of the sessions, then removes them, with what their agents have announced
   * below them until then. Nothing new begins there meanwhile.
   */
  async endForDeletion(
    sessionIds: readonly string[],
    remove: (sessionIds: string[]) => Promise<void>,
  ): Promise<void> {
    const { tree } = this.#parts;
    const all = new Set(sessionIds);
    for (const id of all) {
      const record = tree.find(id);
      if (record === undefined || !isLive(record.session)) continue;
      if (!all.has(record.session.parentId ?? "")) refuseAdopted(record);
    }
    for (const id of sessionIds) this.#deleting.add(id);
    const tops = sessionIds.filter((id) => !all.has(tree.find(id)?.session.parentId ?? ""));
    try {
      await Promise.all(tops.map((id) => this.#endTree(id, { kind: "deleted" })));
      const below = sessionIds.flatMap((id) => [...tree.descendantsOf(id), id]);
      await remove([...new Set(below)].filter((id) => tree.find(id) !== undefined));
    } finally {
      for (const id of sessionIds) this.#deleting.delete(id);
    }
  }

  /** Ends what is open below a session, all of it at once; resolves when clients were notified. */
  async endBelow(sessionId: string, cause: EndCause): Promise<void> {
    const below: EndCause = cause.kind === "cancelled" ? { ...cause, by: "parent" } : cause;
    const { tree } = this.#parts;
    await Promise.all([...tree.childrenOf(sessionId)].map((id) => this.#endTree(id, below)));
  }

  /** Ends a queued or paused session. What was paused, or begun by a dead core, has started before. */
  endWaiting(sessionId: string, cause: EndCause): Promise<boolean> {
    const { tree, queue, completions } = this.#parts;
    queue.remove(sessionId);
    const reason = cause.kind === "cancelled" ? cause.reason : undefined;
    const hasStarted = tree.get(sessionId).started === true;
    const how = hasStarted
      ? endingOf({ status: "aborted" }, [cause])
      : beforeStart.cancelled(reason);
    return completions.end(sessionId, how);
  }

  async #cancel(sessionId: string, wish: CancelWish): Promise<void> {
    this.#cancelling.set(sessionId, (this.#cancelling.get(sessionId) ?? 0) + 1);
    const stored = this.#storeWish(sessionId, wish);
    void this.#endTree(sessionId, { kind: "cancelled", ...wish })
      .catch((err: unknown) => this.#parts.log.error({ err, sessionId }, "a cancel failed"))
      .finally(() => this.#through(sessionId));
    await stored;
  }

  async #storeWish(sessionId: string, wish: CancelWish | undefined): Promise<void> {
    const { cancelWish: _before, ...record } = this.#parts.tree.get(sessionId);
    const next = wish === undefined ? record : { ...record, cancelWish: wish };
    await this.#parts.tree.commit([{ records: [next] }], { ifFailing: "retry" });
  }

  /** A child's wish goes with its completion; the wish of a session without one is removed here. */
  #through(sessionId: string): void {
    const left = (this.#cancelling.get(sessionId) ?? 1) - 1;
    if (left > 0) return void this.#cancelling.set(sessionId, left);
    this.#cancelling.delete(sessionId);
    if (this.#parts.tree.find(sessionId)?.cancelWish === undefined) return;
    void this.#storeWish(sessionId, undefined);
  }

  async #endTree(sessionId: string, cause: EndCause): Promise<void> {
    const { tree, queue, runs } = this.#parts;
    const last = runs.get(sessionId);
    // The end of this run is being stored, with a next run for new messages: the next one is meant.
    if (last?.isClosed === true && this.#isFollowed(last)) await last.done;
    const started = runs.get(sessionId);
    if (started !== undefined) endRun(started, cause);
    // A queued session must not start while its children end.
    else queue.remove(sessionId);
    await this.endBelow(sessionId, cause);
    const run = runs.get(sessionId);
    if (run !== undefined && run !== started) endRun(run, cause);
    if (run !== undefined) return await run.done;
    const record = tree.find(sessionId);
    if (record === undefined || record.session.kind === "root") return;
    if (record.session.status === "created") await this.#endCreated(record, cause);
    // A session that is live without a run of its own is adopted, and ends with its parent's run.
    else if (isOpen(record.session) && !isLive(record.session)) {
      await this.endWaiting(sessionId, cause);
    }
  }

  #isFollowed({ sessionId, runId }: Run): boolean {
    const session = this.#parts.tree.find(sessionId)?.session;
    return (
      session !== undefined && isOpen(session) && "runId" in session && session.runId !== runId
    );
  }

  /** A session that never had a run gets one that never starts, so that it has a completion. */
  async #endCreated(record: StoredSession, cause: EndCause): Promise<void> {
    const { tree, clock } = this.#parts;
    const move = { type: "enqueue", runId: newId() } as const;
    const session: Session = transition(record.session, move, clock.now());
    void tree.commit([{ records: [{ ...record, session }] }], { ifFailing: "retry" });
    await this.endWaiting(session.id, cause);
  }
}

/** What an outside agent started, that agent alone can steer. */
function refuseAdopted({ session }: StoredSession): void {
  if (session.adopted !== true) return;
  const message = `session ${session.id} is part of its parent's run and goes with that`;
  throw new OffshootError("invalidState", message, { status: session.status });
}
