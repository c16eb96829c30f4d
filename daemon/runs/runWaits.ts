/** `session/wait`: for clients, and for programs of a run, which gives its slot back meanwhile. */
import { OffshootError } from "../../protocol/errors.ts";
import type { ParamsOf, ResultOf } from "../../protocol/messages.ts";
import type { Engine } from "./engine.ts";
import type { Run } from "./run.ts";
import { suspend, wake } from "./suspension.ts";

type WaitResult = ResultOf<"session/wait">;

/** `ofRun`: the run whose program waits. */
export async function waitForRuns(
  engine: Engine,
  params: ParamsOf<"session/wait">,
  ofRun: { sessionId: string; runId: string } | undefined,
  signal: AbortSignal,
): Promise<WaitResult> {
  const { tree, waits, runs, settings } = engine;
  for (const id of params.sessionIds) tree.getChild(id);
  const { longestWaitMs } = settings();
  const first = await waits.wait({ ...params, timeoutMs: 0 }, longestWaitMs, signal);
  if (!first.timedOut || params.timeoutMs === 0) return first;
  const run = ofRun === undefined ? undefined : runs.get(ofRun.sessionId);
  const wait = () => waits.wait(params, longestWaitMs, signal);
  if (run === undefined || run.runId !== ofRun?.runId) return await wait();
  for (const id of first.pending) refuseItself(engine, run, id);
  return await waitInside(engine, run, first.pending, wait, signal);
}

/** It would wait for ever, with its clocks standing still. */
function refuseItself({ tree }: Engine, run: Run, id: string): void {
  if (!tree.isWithin(run.sessionId, id)) return;
  const { status } = tree.get(id).session;
  const message = `a run cannot wait for itself or for a session above it (${id})`;
  throw new OffshootError("invalidState", message, { status });
}

/** While any of its programs waits, the run is suspended; it is woken when the last one is done. */
async function waitInside(
  engine: Engine,
  run: Run,
  pending: readonly string[],
  wait: () => Promise<WaitResult>,
  signal: AbortSignal,
): Promise<WaitResult> {
  const token = Symbol("wait");
  run.waits.set(token, pending);
  let timedOut = false;
  try {
    await suspend(run, engine);
    const answer = await wait();
    timedOut = answer.timedOut;
    return answer;
  } finally {
    // Where a restart has cleared the waits, this one no longer has a say.
    const isLast = run.waits.delete(token) && run.waits.size === 0;
    // Its time is over, or it was given up: the program goes on now, perhaps as one too many.
    const goesOn = (timedOut || signal.aborted) && !run.isClosed;
    if (isLast && goesOn) engine.slots.take(run);
    if (isLast) await wake(run, engine);
    else if (run.waits.size > 0) await suspend(run, engine);
  }
}
