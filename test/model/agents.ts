/** Agents that do just what a script says, one per attempt of a run. */
import type { Runner, AdoptedSession, Paused, RunContext } from "../../daemon/runners/runner.ts";
import type { RunOutcome } from "../../daemon/sessions/endings.ts";

/** What an agent does when its run has to end. */
export type Manner = "obeys" | "completes" | "ignores";

export interface Agent {
  readonly context: RunContext;
  /** What the agent was given and has not read. */
  readonly inbox: { text: string; read: () => void }[];
  readonly adopted: AdoptedSession[];
  isAskedToPause: boolean;
  isOver: boolean;
  finish(outcome: RunOutcome | Paused): void;
  fail(error: Error): void;
}

export class Agents implements Runner {
  /** In the order of their attempts; those that never return stay, and may say something late. */
  readonly all: Agent[] = [];
  readonly #mannerOf: (sessionId: string) => Manner;

  constructor(mannerOf: (sessionId: string) => Manner) {
    this.#mannerOf = mannerOf;
  }

  readonly canPause = ({ name }: { name: string }) => name !== "never";

  readonly run = (context: RunContext): Promise<RunOutcome | Paused> => {
    const { promise, resolve, reject } = Promise.withResolvers<RunOutcome | Paused>();
    const leave = (end: () => void) => {
      agent.isOver = true;
      const place = this.all.indexOf(agent);
      if (place >= 0) this.all.splice(place, 1);
      end();
    };
    const agent: Agent = {
      context,
      inbox: [],
      adopted: [],
      isAskedToPause: false,
      isOver: false,
      finish: (outcome) => leave(() => resolve(outcome)),
      fail: (error) => leave(() => reject(error)),
    };
    this.all.push(agent);
    context.onMessage((text, read) => {
      agent.inbox.push({ text, read });
      return "injected";
    });
    context.onPause(() => (agent.isAskedToPause = true));
    const abort = () => this.#abort(agent);
    if (context.signal.aborted) abort();
    else context.signal.addEventListener("abort", abort, { once: true });
    return promise;
  };

  #abort(agent: Agent): void {
    if (agent.isOver) return;
    const manner = this.#mannerOf(agent.context.session.id);
    if (manner === "obeys") agent.finish({ status: "aborted", result: "so far" });
    if (manner === "completes") agent.finish({ status: "completed", result: "after all" });
  }
}
