/** Waiting for runs to end: answers once, whatever comes first. */
import type { ParamsOf, ResultOf } from "../../protocol/messages.ts";
import type { RunError } from "../../protocol/session.ts";

type WaitParams = ParamsOf<"session/wait">;
type WaitResult = ResultOf<"session/wait">;
type Completions = WaitResult["completions"];

export interface Waits {
  /** Resolves when the condition holds, after `timeoutMs`, or when `signal` is aborted. */
  wait(params: WaitParams, longestMs: number, signal: AbortSignal): Promise<WaitResult>;
  /** Looks again at every wait for this session. Call it when a session has ended or is gone. */
  changed(sessionId: string): void;
}

/** What a wait needs to know of a session. */
export interface WaitState {
  completion?: Completions[number];
  /** It failed, stays alive and needs a message: nobody may wait for it for ever. */
  escalated?: RunError;
  gone?: boolean;
}

export function createWaits(stateOf: (sessionId: string) => WaitState): Waits {
  const looks = new Map<string, Set<() => void>>();

  function evaluate(params: WaitParams): { result: WaitResult; over: boolean } {
    const states = params.sessionIds.map((id) => ({ id, ...stateOf(id) }));
    const completions = states.flatMap(({ completion }) => completion ?? []);
    const escalated = states.flatMap(({ id, escalated: error }) =>
      error === undefined ? [] : { sessionId: id, error },
    );
    const waiting = states.filter(({ completion, gone }) => !completion && !gone);
    const until = params.until ?? "all";
    const failed = completions.some(({ status }) => status !== "completed");
    const over =
      waiting.length === escalated.length ||
      (until === "any" && (completions.length > 0 || escalated.length > 0)) ||
      (until === "firstError" && (failed || escalated.length > 0));
    const pending = waiting.map(({ id }) => id);
    const result = { completions, pending, timedOut: false };
    return { result: escalated.length > 0 ? { ...result, escalated } : result, over };
  }

  return {
    async wait(params, longestMs, signal) {
      const first = evaluate(params);
      if (first.over || params.timeoutMs === 0) {
        return { ...first.result, timedOut: !first.over };
      }
      return await new Promise<WaitResult>((resolve) => {
        const finish = (timedOut: boolean) => {
          clearTimeout(timer);
          signal.removeEventListener("abort", stop);
          for (const id of params.sessionIds) {
            looks.get(id)?.delete(look);
            if (looks.get(id)?.size === 0) looks.delete(id);
          }
          resolve({ ...evaluate(params).result, timedOut });
        };
        const stop = () => finish(false);
        const look = () => {
          if (evaluate(params).over) finish(false);
        };
        const timer = setTimeout(
          () => finish(true),
          Math.min(params.timeoutMs ?? longestMs, longestMs),
        );
        signal.addEventListener("abort", stop);
        for (const id of params.sessionIds) {
          const others = looks.get(id);
          if (others === undefined) looks.set(id, new Set([look]));
          else others.add(look);
        }
      });
    },
    changed(sessionId) {
      for (const look of [...(looks.get(sessionId) ?? [])]) look();
    },
  };
}
