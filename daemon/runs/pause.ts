/**
 * Pausing: a queued run pauses at once, a live run at its next turn where its agent has turns. A
 * paused run has no slot and no process, has not ended, and keeps its id when it is resumed.
 */
import { OffshootError } from "../../protocol/errors.ts";
import type { ParamsOf } from "../../protocol/messages.ts";
import { isLive, type Session } from "../../protocol/session.ts";
import type { StoredSession } from "../sessions/records.ts";
import { transition } from "../sessions/transition.ts";
import type { Engine } from "./engine.ts";
import { isGoingOn, type Run } from "./run.ts";

interface Parts {
  engine: Engine;
  /** Whether the agent of the session has turns to pause at. */
  canPause: (record: StoredSession) => boolean;
}

export async function pauseSession(
  parts: Parts,
  { sessionId, tree: whole }: ParamsOf<"session/pause">,
): Promise<void> {
  const { tree, runs } = parts.engine;
  if (whole !== true) return await pauseOne(parts, tree.getChild(sessionId));
  const chosen = wholeTree(parts, sessionId).filter((record) => {
    const run = runs.get(record.session.id);
    if (run === undefined) return record.session.status === "queued";
    return isGoingOn(run) && parts.canPause(record);
  });
  await Promise.all(chosen.map((record) => pauseOne(parts, record)));
}

export async function resumeSession(
  engine: Engine,
  { sessionId, tree: whole }: ParamsOf<"session/resume">,
): Promise<void> {
  const { tree, runs } = engine;
  if (whole !== true) return await resumeOne(engine, tree.getChild(sessionId));
  const chosen = wholeTree({ engine }, sessionId).filter(
    ({ session }) => session.status === "paused" || runs.get(session.id)?.pause === "wanted",
  );
  await Promise.all(chosen.map((record) => resumeOne(engine, record)));
}

/**
 * Stores that a run is paused, with what it needs to go on. Its attempt is over, and the run stops
 * being live synchronously: every later request finds the session paused.
 */
export async function hold(run: Run, engine: Engine): Promise<void> {
  const { tree, clock, events, runs, slots } = engine;
  const record = tree.get(run.sessionId);
  events.emit(run, { type: "status", from: record.session.status, to: "paused" });
  const { readUpTo: upTo } = run.inbox;
  const held = { upTo, ranMs: run.watchdog?.ranMs() ?? 0, turns: run.meter.turns };
  const session = transition(record.session, { type: "pause" }, clock.now());
  run.move({ type: "close" });
  run.watchdog?.stop();
  tree.live.delete(run.sessionId);
  const change = { records: [{ ...record, session, held }], endedRun: run.runId };
  const stored = tree.commit([change], { ifFailing: "retry" });
  runs.remove(run);
  slots.release(run);
  await stored;
  engine.sessionChanged(run.sessionId);
}

/** Call when a run is paused: resumes a run whose pause was taken back meanwhile. */
export async function resumeIfWithdrawn(engine: Engine, run: Run): Promise<void> {
  const record = engine.tree.find(run.sessionId);
  if (run.pause !== "withdrawn" || record?.session.status !== "paused") return;
  if (record.session.runId === run.runId) await resumeOne(engine, record);
}

async function pauseOne(parts: Parts, record: StoredSession): Promise<void> {
  const run = parts.engine.runs.get(record.session.id);
  if (run === undefined) await pauseQueued(parts.engine, record);
  else pauseLive(parts, run, record);
}

/** The run ends its attempt at the next turn; see `hold`. */
function pauseLive(parts: Parts, run: Run, record: StoredSession): void {
  const { session } = record;
  if (!parts.canPause(record)) {
    const why = `works with "${session.agent}", which has no turns to pause at: cancel it, or wait`;
    throw refusal(session, why);
  }
  if (!isGoingOn(run)) throw refusal(session, "is just ending");
  const isAsked = run.pause !== "no";
  run.pause = "wanted";
  if (!isAsked) run.attempt?.pauseAtTurn?.();
}

async function pauseQueued(engine: Engine, record: StoredSession): Promise<void> {
  const { tree, queue, clock } = engine;
  const { session } = record;
  if (isLive(session)) throw refusal(session, "is part of its parent's run and goes with that");
  const paused = { ...record, session: transition(session, { type: "pause" }, clock.now()) };
  queue.remove(session.id);
  try {
    await tree.commitOrRefuse([{ records: [paused] }]);
  } catch (error) {
    engine.queueUp(tree.get(session.id));
    throw error;
  }
}

async function resumeOne(engine: Engine, record: StoredSession): Promise<void> {
  const { tree, queue, runs, settings, clock } = engine;
  const run = runs.get(record.session.id);
  if (run?.pause === "wanted") return void (run.pause = "withdrawn");
  const session = transition(record.session, { type: "resume" }, clock.now());
  queue.admit(record.session.rootId, settings().queue);
  await tree.commitOrRefuse([{ records: [{ ...record, session }] }]);
  engine.queueUp(tree.get(session.id));
}

function wholeTree({ engine }: Pick<Parts, "engine">, sessionId: string): StoredSession[] {
  const { tree } = engine;
  tree.get(sessionId);
  return [sessionId, ...tree.descendantsOf(sessionId)].map((id) => tree.get(id));
}

function refusal(session: Session, why: string): OffshootError {
  const { id, status } = session;
  return new OffshootError("invalidState", `session ${id} ${why}`, { status });
}
