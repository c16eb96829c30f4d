/**
 * Waiting: for people, for children, for a message, for a retry. A run may wait for several things
 * at once, in several tool calls; it is suspended while there is any, and shows the one that a
 * person can end.
 */
import { isLive, type WaitingFor } from "../../protocol/session.ts";
import { transition } from "../sessions/transition.ts";
import type { Engine } from "./engine.ts";
import type { Run } from "./run.ts";

/** Call when what the run waits for has changed. Resolves when it may go on, or has to wait. */
export async function waitingChanged(run: Run, engine: Engine): Promise<void> {
  if (waitOf(run) === undefined) await wake(run, engine);
  else await suspend(run, engine);
}

/** Shows what the run waits for, and gives its slot back where nothing of the run works. */
export async function suspend(run: Run, engine: Engine): Promise<void> {
  const { tree, clock, events, slots } = engine;
  const record = tree.find(run.sessionId);
  const waitingFor = waitOf(run);
  if (run.isClosed || record === undefined || waitingFor === undefined) return;
  if (!isLive(record.session)) return;
  run.watchdog?.suspend();
  const session = transition(record.session, { type: "suspend", waitingFor }, clock.now());
  if (record.session.status === "running") {
    const reason = waitingFor.kind;
    events.emit(run, { type: "status", from: "running", to: "suspended", reason });
  }
  await tree.commit([{ records: [{ ...record, session }] }], { ifFailing: "retry" });
  if (isSuspended(run, engine) && !needsSlot(run)) slots.release(run);
}

/** Takes a slot again, when the run waits no more. False when the run was aborted instead. */
export async function wake(run: Run, engine: Engine): Promise<boolean> {
  const { tree, clock, events, slots } = engine;
  const { signal } = run.stop;
  if (run.isClosed || !(await slots.acquire(run, signal))) return false;
  if (run.isClosed || !needsSlot(run)) {
    // The run has ended, or another of its programs has begun to wait.
    slots.release(run);
    return false;
  }
  // A person is still asked something, and the run is shown as waiting for that.
  if (waitOf(run) !== undefined || !isSuspended(run, engine)) return true;
  const record = tree.get(run.sessionId);
  const session = transition(record.session, { type: "wake" }, clock.now());
  run.watchdog?.wake();
  events.emit(run, { type: "status", from: "suspended", to: "running" });
  await tree.commit([{ records: [{ ...record, session }] }], { ifFailing: "retry" });
  return !signal.aborted;
}

function waitOf({ asking, waits, state }: Run): WaitingFor | undefined {
  if (asking.size > 0) return { kind: "approval", ids: [...asking] };
  if (waits.size > 0) return { kind: "children", ids: [...new Set([...waits.values()].flat())] };
  if (state.at !== "between") return undefined;
  if (state.why === "escalated") return { kind: "input", ids: [] };
  return { kind: "retry", ids: [], until: state.until };
}

/** While only people are asked, the agent's process lives on, and so the run keeps its slot. */
function needsSlot({ waits, state }: Run): boolean {
  return waits.size === 0 && state.at !== "between";
}

function isSuspended(run: Run, { tree }: Engine): boolean {
  return !run.isClosed && tree.find(run.sessionId)?.session.status === "suspended";
}
