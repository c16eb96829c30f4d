/**
 * What agents ask people: stored, told to every client, answered once by any of them. An approval
 * ends with its run: when the agent, the run or the core is gone, it has expired, and says so.
 */
import { OffshootError } from "../protocol/errors.ts";
import type { Approval, NotificationParams, ParamsOf } from "../protocol/messages.ts";
import type { Session } from "../protocol/session.ts";
import type { News } from "./hub.ts";
import type { ApprovalAnswer, ApprovalQuestion } from "./runners/runner.ts";
import type { SessionTree } from "./sessions.ts";
import type { Store } from "./store/sessionStore.ts";

export interface Approvals {
  /** Asks every client; resolves with the answer, or with `expired` when the signal is aborted. */
  ask(
    place: { sessionId: string; runId: string },
    question: ApprovalQuestion,
    signal: AbortSignal,
    asked: (approvalId: string) => void,
  ): Promise<ApprovalAnswer>;
  list(rootId: string | undefined): Approval[];
  /** Throws 1009 for an unknown id, 1010 for one that was answered before. */
  respond(params: ParamsOf<"approval/respond">, by: string): void;
  stop(): void;
}

type Resolution = NotificationParams<"approval/resolved">["decision"];

interface Parts {
  tree: SessionTree;
  store: Store;
  tell: (news: News) => void;
  now: () => number;
  /** An approval that nobody answers is denied after this time, while a client is connected. */
  timeoutMs: () => number;
  hasClients: () => boolean;
  /** Number of the last approval that was ever made. */
  last: number;
}

interface Open {
  approval: Approval;
  /** Time that it has waited while somebody could have answered. */
  waitedMs: number;
  answer: (answer: ApprovalAnswer, by: string) => void;
}

/** How many answered approvals are remembered, so that a second answer is told of the first. */
const mostRemembered = 10_000;
const lookEveryMs = 1_000;

export function createApprovals(parts: Parts): Approvals {
  const { tree, store, tell, now } = parts;
  const open = new Map<string, Open>();
  const resolved = new Map<string, Resolution>();
  let last = parts.last;
  let look: NodeJS.Timeout | undefined;

  function rootIdOf(sessionId: string): string {
    return tree.find(sessionId)?.session.rootId ?? "";
  }

  function resolve(id: string, decision: Resolution, by: string): void {
    const asked = open.get(id);
    if (asked === undefined) return;
    open.delete(id);
    resolved.set(id, decision);
    for (const [oldest] of resolved) {
      if (resolved.size <= mostRemembered) break;
      resolved.delete(oldest);
    }
    const rootId = rootIdOf(asked.approval.sessionId);
    const told = () =>
      tell({ method: "approval/resolved", params: { approvalId: id, decision, by }, rootId });
    void store.write({ endedApprovals: [id], durability: "durable" }, { told, ifFailing: "keep" });
    if (open.size === 0) clearInterval(look);
  }

  /** Nobody is blamed for not answering while nobody is there. */
  function watch(): void {
    clearInterval(look);
    look = setInterval(() => {
      if (!parts.hasClients()) return;
      for (const one of [...open.values()]) {
        one.waitedMs += lookEveryMs;
        if (one.waitedMs < parts.timeoutMs()) continue;
        const message = "nobody answered in time";
        one.answer({ decision: "denyOnce", message }, "time-out");
      }
    }, lookEveryMs);
    look.unref();
  }

  return {
    async ask({ sessionId, runId }, question, signal, asked) {
      last += 1;
      const id = String(last);
      await store.setMeta("lastApproval", last);
      if (signal.aborted) return { decision: "expired" };
      const approval: Approval = {
        id,
        sessionId,
        path: pathOf(tree, sessionId),
        runId,
        toolName: question.toolName,
        kind: question.kind,
        title: question.title,
        input: question.input,
        options: ["allowOnce", "allowAlways", "denyOnce", "denyAlways"],
        requestedAt: now(),
      };
      return await new Promise<ApprovalAnswer>((done) => {
        const answer: Open["answer"] = (given, by) => {
          signal.removeEventListener("abort", expire);
          resolve(id, given.decision, by);
          done(given);
        };
        const expire = () => answer({ decision: "expired" }, "run ended");
        signal.addEventListener("abort", expire, { once: true });
        open.set(id, { approval, waitedMs: 0, answer });
        if (open.size === 1) watch();
        asked(id);
        const told = () =>
          tell({ method: "approval/requested", params: { approval }, rootId: rootIdOf(sessionId) });
        void store.write({ approvals: [approval], durability: "durable" }, { told });
      });
    },
    list: (rootId) =>
      [...open.values()]
        .map(({ approval }) => approval)
        .filter(({ sessionId }) => rootId === undefined || rootIdOf(sessionId) === rootId),
    respond({ approvalId, decision, input }, by) {
      const asked = open.get(approvalId);
      if (asked !== undefined) {
        return asked.answer({ decision, ...(input !== undefined && { input }) }, by);
      }
      const before = resolved.get(approvalId);
      if (before === undefined) {
        const message = `there is no approval ${approvalId}`;
        throw new OffshootError("approvalNotFound", message, { approvalId });
      }
      const message = `approval ${approvalId} was answered before: ${before}`;
      throw new OffshootError("approvalAlreadyResolved", message, { decision: before });
    },
    stop: () => clearInterval(look),
  };
}

/**
 * Approvals of a dead core have expired with the runs that asked; answers the number of the last
 * one that was ever made. Nobody is connected yet: clients see that the list is empty.
 */
export async function endOldApprovals(store: Store): Promise<number> {
  const old = await store.approvals();
  const endedApprovals = old.map(({ id }) => id);
  if (old.length > 0) await store.write({ endedApprovals, durability: "durable" });
  return Number((await store.getMeta("lastApproval")) ?? 0);
}

/** From the root to the session. */
function pathOf(tree: SessionTree, sessionId: string): { id: string; title: string }[] {
  const path: { id: string; title: string }[] = [];
  for (let id: string | null = sessionId; id !== null;) {
    const session: Session | undefined = tree.find(id)?.session;
    if (session === undefined) break;
    path.unshift({ id, title: session.title });
    id = session.parentId;
  }
  return path;
}
