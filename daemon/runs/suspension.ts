/**
 * Waiting: for people, for children, for a message. A run may wait for several things at once, in
 * several tool calls; it is suspended while there is any, and shows the one that a person can end.
 */
import { isLive, type WaitingFor } from "../../protocol/session.ts";
import type { LifeParts, LiveRun } from "./life.ts";
import { transition } from "../sessions/transition.ts";

type Parts = Pick<LifeParts, "tree" | "slots" | "emit" | "now">;

/** Call when what the run waits for has changed. Resolves when it may go on, or has to wait. */
export async function waitingChanged(run: LiveRun, parts: Parts): Promise<void> {
  if (waitOf(run) === undefined) await wake(run, parts);
  else await suspend(run, parts);
}

/** The run waits, or waits for something else now. */
export async function suspend(run: LiveRun, parts: Parts): Promise<void> {
  const record = parts.tree.find(run.sessionId);
  const waitingFor = waitOf(run);
  if (run.phase === "closed" || record === undefined || waitingFor === undefined) return;
  if (!isLive(record.session)) return;
  run.watchdog?.suspend();
  const session = transition(record.session, { type: "suspend", waitingFor }, parts.now());
  if (record.session.status === "running") {
    const reason = waitingFor.kind;
    parts.emit(run, { type: "status", from: "running", to: "suspended", reason });
  }
  await parts.tree.commit([{ records: [{ ...record, session }] }], { ifFailing: "keep" });
  if (isSuspended(run, parts) && !needsSlot(run)) parts.slots.release(run);
}

/** The run has what it waited for: it takes a slot again. False when it was aborted instead. */
export async function wake(run: LiveRun, parts: Parts): Promise<boolean> {
  const isClosed = () => run.phase === "closed";
  if (isClosed() || !(await parts.slots.acquire(run))) return false;
  if (isClosed() || !needsSlot(run)) {
    // It has ended, or another of its programs has begun to wait.
    parts.slots.release(run);
    return false;
  }
  // A person is still asked something, and it is shown as waiting for that.
  if (waitOf(run) !== undefined || !isSuspended(run, parts)) return true;
  const record = parts.tree.get(run.sessionId);
  const session = transition(record.session, { type: "wake" }, parts.now());
  run.watchdog?.wake();
  parts.emit(run, { type: "status", from: "suspended", to: "running" });
  await parts.tree.commit([{ records: [{ ...record, session }] }], { ifFailing: "keep" });
  return !run.controller.signal.aborted;
}

function waitOf({ asking, waits, escalated }: LiveRun): WaitingFor | undefined {
  if (asking.size > 0) return { kind: "approval", ids: [...asking] };
  if (waits.size > 0) return { kind: "children", ids: [...new Set([...waits.values()].flat())] };
  return escalated === undefined ? undefined : { kind: "input", ids: [] };
}

/** While only people are asked, the agent's process lives on, and so the run keeps its slot. */
function needsSlot({ waits, escalated }: LiveRun): boolean {
  return waits.size === 0 && escalated === undefined;
}

function isSuspended(run: LiveRun, { tree }: Parts): boolean {
  return run.phase !== "closed" && tree.find(run.sessionId)?.session.status === "suspended";
}
