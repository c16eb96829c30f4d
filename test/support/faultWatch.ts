/** Watches what a client is told while agents work under faults, over all of its connections. */
import type { Session, Usage } from "../../protocol/session.ts";
import type { Editor } from "./faultEditor.ts";

export interface Watch {
  /** Sentences about what may never be told. */
  readonly faults: string[];
  /** How much was told so far. */
  readonly news: number;
  /** Approvals that were asked on this connection, and whose end was not told. */
  openApprovals(): string[];
  /** Takes a session as it is shown now: what it has used never gets less. */
  look(session: Session): void;
  /** The session as it was told last. */
  shown(sessionId: string): Session | undefined;
  /** All that was told of the tree below these sessions. */
  below(sessionIds: Iterable<string>): string[];
}

export function watchEditor(editor: Editor): Watch {
  const faults: string[] = [];
  const started = new Set<string>();
  const completed = new Set<string>();
  const asked = new Set<string>();
  const resolved = new Set<string>();
  const known = new Map<string, Session>();
  let news = 0;
  let connection = editor.connections;

  function look(session: Session): void {
    const before = known.get(session.id);
    known.set(session.id, session);
    if (before === undefined) return;
    for (const which of ["usage", "treeUsage"] as const) {
      for (const field of Object.keys(before[which]) as (keyof Usage)[]) {
        if (session[which][field] >= before[which][field]) continue;
        const fell = `${before[which][field]} to ${session[which][field]}`;
        faults.push(`${which}.${field} of ${session.id} fell from ${fell}`);
      }
    }
    if (session.version < before.version) faults.push(`${session.id} went back to an old version`);
  }

  editor.onNews = ({ method, params }) => {
    news += 1;
    if (connection !== editor.connections) {
      // A front that has gone told nothing of how they ended.
      connection = editor.connections;
      asked.clear();
    }
    if (method === "subAgent/started") {
      if (started.has(params.runId)) faults.push(`run ${params.runId} was started twice`);
      if (completed.has(params.runId)) faults.push(`run ${params.runId} started after its end`);
      started.add(params.runId);
    } else if (method === "subAgent/completed") {
      if (completed.has(params.runId) && params.replayed !== true) {
        faults.push(`run ${params.runId} was completed twice`);
      }
      completed.add(params.runId);
    } else if (method === "session/changed") {
      look(params.session);
    } else if (method === "approval/requested") {
      asked.add(params.approval.id);
    } else if (method === "approval/resolved") {
      asked.delete(params.approvalId);
      if (resolved.has(params.approvalId)) {
        faults.push(`approval ${params.approvalId} was resolved twice`);
      }
      resolved.add(params.approvalId);
    }
  };

  return {
    faults,
    get news() {
      return news;
    },
    openApprovals: () => (connection === editor.connections ? [...asked] : []),
    look,
    shown: (sessionId) => known.get(sessionId),
    below(sessionIds) {
      const found = new Set(sessionIds);
      // Whoever hangs below was told after what it hangs below.
      for (const { id, parentId } of known.values()) if (found.has(parentId ?? "")) found.add(id);
      return [...found];
    },
  };
}
