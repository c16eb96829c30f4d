/**
 * The life of one run, from its slot to its completion. Read `live` first: it is the order of
 * behaviour that clients rely on, and it holds on every path, whatever a runner does.
 */
import { noUsage } from "../../protocol/session.ts";
import { messageOf, runError } from "../base/errors.ts";
import type { Ending } from "../sessions/endings.ts";
import type { News } from "../sessions/news.ts";
import type { StoredSession } from "../sessions/records.ts";
import { transition } from "../sessions/transition.ts";
import type { Attempts } from "./attempt.ts";
import type { Engine } from "./engine.ts";
import { load } from "./load.ts";
import { hold } from "./pause.ts";
import { endRun, isUnwanted, type Run } from "./run.ts";
import { supervise } from "./supervise.ts";
import { startWatchdog } from "./watchdog.ts";

/** Answers `false` when the store could not take the start: then the session is still queued. */
export async function live(run: Run, engine: Engine, attempts: Attempts): Promise<boolean> {
  const { tree, slots, completions, log } = engine;
  const { sessionId, runId, inbox } = run;
  run.held = tree.find(sessionId)?.held;
  run.meter.turns = run.held?.turns ?? 0;
  const unable = await load(run, engine);
  // A core that stops leaves in the queue what has not started.
  if (run.stop.causes[0]?.kind === "shutdown") return false;
  if (unable === undefined && !(await begin(run, engine))) return false;
  const ending = unable ?? (await superviseSafely(run, engine, attempts));
  if (ending === "paused") {
    await hold(run, engine);
    return true;
  }
  if (endsSubtree(run, ending)) {
    await engine.cancels.endBelow(sessionId, { kind: "cancelled", by: "parent" });
  }
  // The answer gets the number behind the last message, and none that is refused may lie between.
  await tree.messagesDecided(sessionId);
  run.move({ type: "close" });
  run.watchdog?.stop();
  await completions.end(sessionId, ending, {
    readUpTo: inbox.readUpTo,
    ...(mayContinue(run, ending) && { freshRun: "ifMessagesWait" }),
    beforeNotifying: () => {
      tree.live.delete(sessionId);
      slots.release(run);
    },
  });
  log.info({ sessionId, runId, status: ending.status, reason: ending.reason }, "a run ended");
  return true;
}

/** A run that was made to end takes its subtree with it; one that ended by itself does not. */
function endsSubtree({ state, stop }: Run, ending: Ending): boolean {
  const kind = stop.causes[0]?.kind;
  const isTemporary = kind === undefined || kind === "replaced" || kind === "shutdown";
  return ending.status !== "completed" && state.at !== "settling" && !isTemporary;
}

/** Messages that came during a run get a run of their own, unless somebody wanted it to end. */
function mayContinue(run: Run, ending: Ending): boolean {
  return ending.status !== "interrupted" && !isUnwanted(run);
}

/** Stores `running`, then notifies clients of `subAgent/started`: exactly once per run. */
async function begin(run: Run, engine: Engine): Promise<boolean> {
  const { tree, clock, events } = engine;
  const before = tree.get(run.sessionId);
  const startedAt = clock.now();
  const session = transition(before.session, { type: "start" }, startedAt);
  const record: StoredSession = { ...before, session, started: true };
  tree.live.set(run.sessionId, { lastHeartbeatAt: startedAt, lastProgressAt: startedAt });
  const attempt = "attempt" in session ? session.attempt : 1;
  const started: News = {
    method: "subAgent/started",
    params: { ...namesOf(run, before), attempt, session },
    rootId: run.rootId,
  };
  // Clients were notified of the start of a run that a crash of the core cut short.
  const isResumed = before.started === true;
  const stored = await tree.commit(
    [{ records: [record], ...(!isResumed && { first: [started] }) }],
    { ifFailing: "refuse" },
  );
  if (stored) {
    watch(run, engine);
    if (run.held) events.emit(run, { type: "status", from: "paused", to: "running" });
    engine.sessionChanged(run.sessionId);
  } else {
    tree.live.delete(run.sessionId);
  }
  return stored;
}

function namesOf(run: Run, { session }: StoredSession) {
  return {
    parentSessionId: session.parentId ?? "",
    childSessionId: run.sessionId,
    runId: run.runId,
  };
}

function watch(run: Run, engine: Engine): void {
  const { tree, clock } = engine;
  const { heartbeatMs, stalledMs, watchdog } = engine.settings();
  const { timeoutMs, idleTimeoutMs } = tree.get(run.sessionId).session.limits;
  run.watchdog = startWatchdog({
    heartbeatMs,
    stalledMs,
    checkMs: watchdog.checkMs,
    totalMs: timeoutMs ?? watchdog.totalMs,
    idleMs: idleTimeoutMs ?? watchdog.idleMs,
    ranBeforeMs: run.held?.ranMs ?? 0,
    clock,
    onHeartbeat: () => sendHeartbeat(run, engine),
    onStalled: (stalled) => {
      const record = tree.get(run.sessionId);
      if (record.session.status !== "running") return;
      const session = transition(record.session, { type: "stall", stalled }, clock.now());
      void tree.commit([{ records: [{ ...record, session }] }], { ifFailing: "retry" });
    },
    onTimeout: (kind, afterMs, maxMs) => endRun(run, { kind, afterMs, maxMs }),
  });
}

function sendHeartbeat(run: Run, { tree, notify, clock }: Engine): void {
  const facts = tree.live.get(run.sessionId);
  const record = tree.find(run.sessionId);
  if (facts === undefined || record === undefined) return;
  facts.lastHeartbeatAt = clock.now();
  notify({
    method: "subAgent/heartbeat",
    params: {
      ...namesOf(run, record),
      timestamp: facts.lastHeartbeatAt,
      lastProgressAt: facts.lastProgressAt,
      stalled: "stalled" in record.session && record.session.stalled,
      ...(facts.activity && { activity: facts.activity }),
      usage: record.session.usage ?? noUsage,
    },
    rootId: run.rootId,
  });
}

/** An internal error ends the run; the order of a run holds nevertheless. */
async function superviseSafely(
  run: Run,
  engine: Engine,
  attempts: Attempts,
): Promise<Ending | "paused"> {
  try {
    return await supervise(run, engine, attempts);
  } catch (err) {
    const { sessionId, runId } = run;
    engine.log.error({ err, sessionId, runId }, "the supervision of a run failed");
    return { status: "error", error: runError("internal", messageOf(err)) };
  }
}
