/** `session/wait`: for clients, and for programs of a run, which gives its slot back meanwhile. */
import { OffshootError } from "../../protocol/errors.ts";
import type { ParamsOf, ResultOf } from "../../protocol/messages.ts";
import type { LiveRun } from "./life.ts";
import type { SessionTree } from "../sessions/sessionTree.ts";
import type { Waits } from "./waitRequest.ts";

export type Wait = (
  params: ParamsOf<"session/wait">,
  ofRun: { sessionId: string; runId: string } | undefined,
  signal: AbortSignal,
) => Promise<ResultOf<"session/wait">>;

interface Parts {
  tree: SessionTree;
  waits: Waits;
  longestMs: () => number;
  liveRun: (sessionId: string) => LiveRun | undefined;
  /** The run waits for sessions, or for others now, and holds no slot. */
  suspend: (run: LiveRun) => Promise<void>;
  /** The run waits no more: resolves when it has a slot again. */
  wake: (run: LiveRun) => Promise<unknown>;
  /** Takes a slot, even if none is free. */
  takeSlot: (run: LiveRun) => void;
}

export function createRunWaits(parts: Parts): Wait {
  const { tree, waits, longestMs } = parts;

  return async (params, ofRun, signal) => {
    const first = await waits.wait({ ...params, timeoutMs: 0 }, longestMs(), signal);
    if (!first.timedOut || params.timeoutMs === 0) return first;
    const run = ofRun === undefined ? undefined : parts.liveRun(ofRun.sessionId);
    const wait = () => waits.wait(params, longestMs(), signal);
    if (run === undefined || run.runId !== ofRun?.runId) return await wait();
    for (const id of first.pending) refuseItself(run, id);
    return await waitInside(run, first.pending, wait, signal);
  };

  /** It would wait for ever, with its clocks standing still. */
  function refuseItself(run: LiveRun, id: string): void {
    if (!tree.isWithin(run.sessionId, id)) return;
    const { status } = tree.get(id).session;
    const message = `a run cannot wait for itself or for what it hangs below (${id})`;
    throw new OffshootError("invalidState", message, { status });
  }

  /** While any of its programs waits, the run is suspended; it is woken when the last one is done. */
  async function waitInside(
    run: LiveRun,
    pending: readonly string[],
    wait: () => ReturnType<Waits["wait"]>,
    signal: AbortSignal,
  ): ReturnType<Waits["wait"]> {
    const token = Symbol("wait");
    run.waits.set(token, pending);
    let timedOut = false;
    try {
      await parts.suspend(run);
      const answer = await wait();
      timedOut = answer.timedOut;
      return answer;
    } finally {
      // Where a restart has cleared the waits, this one no longer has a say.
      const isLast = run.waits.delete(token) && run.waits.size === 0;
      // Its time is over, or it was given up: the program goes on now, perhaps as one too many.
      const goesOn = (timedOut || signal.aborted) && run.phase !== "closed";
      if (isLast && goesOn) parts.takeSlot(run);
      if (isLast) await parts.wake(run);
      else if (run.waits.size > 0) await parts.suspend(run);
    }
  }
}
