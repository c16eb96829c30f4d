/**
 * Which run goes next: takes sessions from the queue while there are slots, and follows each run
 * to its end. What happens inside one run stands in life.ts.
 */
import { isOpen } from "../sessions/transition.ts";
import { messageOf, runError } from "../base/errors.ts";
import type { EndCause } from "../sessions/endings.ts";
import type { Attempts } from "./attempt.ts";
import type { Engine } from "./engine.ts";
import { live } from "./life.ts";
import { resumeIfWithdrawn } from "./pause.ts";
import { endRun, Run } from "./run.ts";

export class Scheduler {
  readonly #engine: Engine;
  readonly #attempts: Attempts;
  #isStarted = false;

  constructor(engine: Engine, attempts: Attempts) {
    this.#engine = engine;
    this.#attempts = attempts;
    engine.queue.onAdded(() => this.#pump());
    engine.slots.onFreed(() => this.#pump());
  }

  get queuedCount(): number {
    return this.#engine.queue.size;
  }

  get runningCount(): number {
    return this.#engine.runs.size - this.suspendedCount;
  }

  get suspendedCount(): number {
    const { tree, runs } = this.#engine;
    const isSuspended = ({ sessionId }: Run) =>
      tree.find(sessionId)?.session.status === "suspended";
    return runs.all().filter(isSuspended).length;
  }

  /** Call once, when the whole queue is rebuilt: before that nothing starts. */
  start(): void {
    this.#isStarted = true;
    this.#pump();
  }

  /** Call when a bound or the health of the store has changed: starts what may start now. */
  boundsChanged(): void {
    this.#pump();
  }

  /** Takes no new work, ends live runs, resolves when their ends are stored. */
  async stop(how: "interrupt" | "cancel"): Promise<void> {
    const { intake, runs } = this.#engine;
    intake.close();
    const cause: EndCause =
      how === "cancel" ? { kind: "cancelled", by: "user" } : { kind: "shutdown" };
    const all = runs.all();
    for (const run of all) endRun(run, cause);
    await Promise.all(all.map((run) => run.done));
  }

  #pump(): void {
    const { tree, queue, store, slots, intake } = this.#engine;
    if (!this.#isStarted) return;
    slots.wakeWaiting();
    while (intake.isOpen && store.health.ok) {
      const entry = queue.take((rootId) => slots.isFree(rootId));
      if (entry === undefined) return;
      const session = tree.find(entry.sessionId)?.session;
      if (session?.status === "queued") {
        this.#launch(new Run({ ...entry, runId: session.runId }));
      }
    }
  }

  #launch(run: Run): void {
    this.#engine.runs.add(run);
    this.#engine.slots.take(run);
    run.done = this.#follow(run);
  }

  async #follow(run: Run): Promise<void> {
    const { log } = this.#engine;
    try {
      const began = await live(run, this.#engine, this.#attempts);
      this.#leave(run);
      if (!began) this.#backToQueue(run);
      await resumeIfWithdrawn(this.#engine, run).catch((err: unknown) => {
        log.warn({ err, runId: run.runId }, "a paused run could not be queued again");
      });
    } catch (err) {
      log.error({ err, runId: run.runId }, "the life of a run failed");
      await this.#abandon(run, messageOf(err)).catch((error: unknown) => {
        log.error({ err: error, runId: run.runId }, "a failed run could not be ended");
      });
    }
  }

  #leave(run: Run): void {
    this.#engine.runs.remove(run);
    this.#engine.slots.release(run);
  }

  /** After an internal error: stop the heartbeat, free the slot, end the run. */
  async #abandon(run: Run, why: string): Promise<void> {
    const { tree, completions } = this.#engine;
    if (!run.isClosed) run.move({ type: "close" });
    run.watchdog?.stop();
    run.stop.abort();
    tree.live.delete(run.sessionId);
    this.#leave(run);
    const session = tree.find(run.sessionId)?.session;
    if (session === undefined || !isOpen(session) || !("runId" in session)) return;
    if (session.runId !== run.runId) return;
    const error = runError("internal", why);
    await completions.end(run.sessionId, { status: "error", error });
  }

  /** The store could not take the start, or the core stops: the run stays queued, unless cancelled. */
  #backToQueue(run: Run): void {
    const { tree, intake, queueUp, cancels } = this.#engine;
    const record = tree.find(run.sessionId);
    if (record?.session.status !== "queued" || !intake.isOpen) return;
    const [cause] = run.stop.causes;
    if (cause === undefined) queueUp(record);
    else void cancels.endWaiting(record.session.id, cause);
  }
}
