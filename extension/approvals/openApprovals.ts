/** The approvals that wait for a person: a copy that the daemon's notifications keep up to date. */
import type { Approval } from "../../protocol/approvals.ts";
import { Listeners } from "../base/listeners.ts";

export interface ApprovalChange {
  added: readonly Approval[];
  removed: readonly Approval[];
}

export class OpenApprovals {
  #open = new Map<string, Approval>();
  readonly #listeners = new Listeners<ApprovalChange>();

  readonly onDidChange = this.#listeners.add;

  get size(): number {
    return this.#open.size;
  }

  all(): readonly Approval[] {
    return [...this.#open.values()];
  }

  get(approvalId: string): Approval | undefined {
    return this.#open.get(approvalId);
  }

  /** Takes a snapshot: approvals that are not in it were answered or have expired. */
  replace(next: readonly Approval[]): void {
    const before = this.#open;
    this.#open = new Map(next.toSorted(byAge).map((approval) => [approval.id, approval]));
    const added = this.all().filter(({ id }) => !before.has(id));
    const removed = [...before.values()].filter(({ id }) => !this.#open.has(id));
    if (added.length + removed.length > 0) this.#listeners.notify({ added, removed });
  }

  add(approval: Approval): void {
    this.replace([...this.all(), approval]);
  }

  remove(approvalId: string): void {
    this.replace(this.all().filter(({ id }) => id !== approvalId));
  }

  /** Removes those of a session that another run has asked. An approval ends with its run. */
  keepOnlyRun(sessionId: string, runId: string | undefined): void {
    this.replace(
      this.all().filter((approval) => approval.sessionId !== sessionId || approval.runId === runId),
    );
  }
}

/** Ids are growing numbers, written as text. */
function byAge(one: Approval, other: Approval): number {
  return one.requestedAt - other.requestedAt || Number(one.id) - Number(other.id);
}
