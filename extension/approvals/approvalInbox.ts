/**
 * What waits for a person, as far as the extension knows: a copy that is kept true by what the
 * daemon tells. Pure; the view asks it, the client feeds it.
 */
import type { Approval } from "../../protocol/approvals.ts";

export interface OpenApprovals {
  readonly size: number;
  /** The oldest first. */
  all(): readonly Approval[];
  get(approvalId: string): Approval | undefined;
  /** Those of one session, the oldest first. */
  ofSession(sessionId: string): readonly Approval[];
  /** Called after each change. `added` are those that were not known before. */
  onDidChange(listener: (change: ApprovalChange) => void): { dispose(): void };
}

export interface ApprovalChange {
  added: readonly Approval[];
  removed: readonly Approval[];
}

export interface ApprovalModel extends OpenApprovals {
  /** Takes a snapshot: what is not in it was answered or has expired. */
  replace(approvals: readonly Approval[]): void;
  add(approval: Approval): void;
  remove(approvalId: string): void;
  /** An approval ends with its run: removes those of a session that another run or none has asked. */
  keepOnlyRun(sessionId: string, runId: string | undefined): void;
}

export function createApprovalModel(): ApprovalModel {
  let open = new Map<string, Approval>();
  const listeners = new Set<(change: ApprovalChange) => void>();

  function become(next: readonly Approval[]): void {
    const before = open;
    open = new Map(next.toSorted(byAge).map((approval) => [approval.id, approval]));
    const added = [...open.values()].filter(({ id }) => !before.has(id));
    const removed = [...before.values()].filter(({ id }) => !open.has(id));
    if (added.length + removed.length === 0) return;
    for (const listener of listeners) listener({ added, removed });
  }

  const keep = (isKept: (approval: Approval) => boolean) =>
    become([...open.values()].filter(isKept));

  return {
    get size() {
      return open.size;
    },
    all: () => [...open.values()],
    get: (approvalId) => open.get(approvalId),
    ofSession: (id) => [...open.values()].filter(({ sessionId }) => sessionId === id),
    onDidChange(listener) {
      listeners.add(listener);
      return { dispose: () => void listeners.delete(listener) };
    },
    replace: become,
    add: (approval) => become([...open.values(), approval]),
    remove: (approvalId) => keep(({ id }) => id !== approvalId),
    keepOnlyRun: (sessionId, runId) =>
      keep((approval) => approval.sessionId !== sessionId || approval.runId === runId),
  };
}

/** Ids are numbers that grow, written as text. */
function byAge(one: Approval, other: Approval): number {
  return one.requestedAt - other.requestedAt || Number(one.id) - Number(other.id);
}
