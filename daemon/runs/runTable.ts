/** The live runs, by session: at most one each. */
import type { Run } from "./run.ts";

export class RunTable {
  readonly #runs = new Map<string, Run>();

  get size(): number {
    return this.#runs.size;
  }

  get(sessionId: string): Run | undefined {
    return this.#runs.get(sessionId);
  }

  all(): Run[] {
    return [...this.#runs.values()];
  }

  add(run: Run): void {
    this.#runs.set(run.sessionId, run);
  }

  /** A fresh run of the session may have taken its place already, and stays. */
  remove(run: Run): void {
    if (this.#runs.get(run.sessionId) === run) this.#runs.delete(run.sessionId);
  }
}
