/** Requests that wait for runs to end: each is answered once, whatever comes first. */
import type { ParamsOf, ResultOf } from "../../protocol/messages.ts";
import type { RunError } from "../../protocol/session.ts";
import type { Clock } from "../base/clock.ts";

type WaitParams = ParamsOf<"session/wait">;
type WaitResult = ResultOf<"session/wait">;

/** What a wait has to know of a session. */
export interface WaitState {
  completion?: WaitResult["completions"][number];
  /** The session failed, stays alive and needs a message: nobody may wait for it for ever. */
  escalated?: RunError;
  gone?: boolean;
}

export class WaitRequests {
  readonly #stateOf: (sessionId: string) => WaitState;
  readonly #clock: Clock;
  readonly #checks = new Map<string, Set<() => void>>();

  constructor(stateOf: (sessionId: string) => WaitState, clock: Clock) {
    this.#stateOf = stateOf;
    this.#clock = clock;
  }

  /** Resolves when the condition holds, after `timeoutMs`, or when `signal` is aborted. */
  async wait(params: WaitParams, longestMs: number, signal: AbortSignal): Promise<WaitResult> {
    const first = this.#evaluate(params);
    if (first.over || params.timeoutMs === 0) {
      return { ...first.result, timedOut: !first.over };
    }
    // An abort that has come before does not come again.
    if (signal.aborted) return first.result;
    return await new Promise<WaitResult>((resolve) => {
      const finish = (timedOut: boolean) => {
        cancelTimer();
        signal.removeEventListener("abort", stop);
        for (const id of params.sessionIds) {
          this.#checks.get(id)?.delete(check);
          if (this.#checks.get(id)?.size === 0) this.#checks.delete(id);
        }
        resolve({ ...this.#evaluate(params).result, timedOut });
      };
      const stop = () => finish(false);
      const check = () => {
        if (this.#evaluate(params).over) finish(false);
      };
      const timeoutMs = Math.min(params.timeoutMs ?? longestMs, longestMs);
      const cancelTimer = this.#clock.after(timeoutMs, () => finish(true));
      signal.addEventListener("abort", stop);
      for (const id of params.sessionIds) {
        const others = this.#checks.get(id);
        if (others === undefined) this.#checks.set(id, new Set([check]));
        else others.add(check);
      }
    });
  }

  /** Re-checks every wait for the session. Call it when the session has ended or is gone. */
  changed(sessionId: string): void {
    for (const check of [...(this.#checks.get(sessionId) ?? [])]) check();
  }

  #evaluate(params: WaitParams): { result: WaitResult; over: boolean } {
    const states = params.sessionIds.map((id) => ({ id, ...this.#stateOf(id) }));
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
}
