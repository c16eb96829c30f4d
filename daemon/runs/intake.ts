/** Whether the core takes new work: one gate for the queue, for spawns and for messages. */
import { OffshootError } from "../../protocol/errors.ts";

export class Intake {
  #isOpen = true;

  get isOpen(): boolean {
    return this.#isOpen;
  }

  close(): void {
    this.#isOpen = false;
  }

  /** Throws 1012 `shuttingDown` once the gate is closed, in the words of the predecessors. */
  refuseIfClosed(): void {
    if (this.#isOpen) return;
    throw new OffshootError("shuttingDown", "spawn scheduler is not running", {});
  }
}
