/**
 * What agents ask people: stored, told to every client, answered once by any of them. An approval
 * ends with its run: when the agent, the run or the core is gone, it has expired, and says so.
 */
import { isDeepStrictEqual } from "node:util";
import type { Approval, ApprovalRule } from "../../protocol/approvals.ts";
import type { Clock } from "../base/clock.ts";
import { OffshootError } from "../../protocol/errors.ts";
import type { NotificationParams, ParamsOf } from "../../protocol/messages.ts";
import type { ApprovalRules } from "./standingRules.ts";
import type { Caller } from "../sessions/caller.ts";
import type { News } from "../sessions/news.ts";
import { InvalidParams } from "../base/invalidParams.ts";
import type { Decision } from "../base/rulePatterns.ts";
import type { ApprovalAnswer, ApprovalQuestion } from "../runners/runner.ts";
import type { SessionTree } from "../sessions/sessionTree.ts";
import type { Store } from "../store/sessionStore.ts";

export interface Approvals {
  /** Asks every client; resolves with the answer, or with `expired` when the signal is aborted. */
  ask(asking: Asking): Promise<ApprovalAnswer>;
  list(rootId: string | undefined): Approval[];
  /**
   * Resolves when the answer is stored, with the rule that it made. Throws 1009 for an unknown id,
   * 1010 for one that was answered before, -32602 for an answer that cannot be meant.
   */
  respond(params: ParamsOf<"approval/respond">, by: string): Promise<void>;
  stop(): void;
}

export interface Asking {
  sessionId: string;
  runId: string;
  question: ApprovalQuestion;
  /** Aborted when nobody waits for the answer any more, and who has ended it then. */
  signal: AbortSignal;
  endedBy: () => string;
  /** Called with its id when it is asked. */
  asked: (approvalId: string) => void;
  /** What permissions and rules say to the question now. */
  decide: () => Verdict;
}

export interface Verdict {
  decision: Decision;
  /** Why, for the agent to read. */
  message?: string;
}

type Resolution = NotificationParams<"approval/resolved">["decision"];

interface Parts {
  tree: SessionTree;
  store: Store;
  rules: ApprovalRules;
  notify: (news: News) => void;
  clock: Clock;
  /** An approval that nobody answers is denied after this time, while somebody could. */
  timeoutMs: () => number;
  /** Whether a client is connected that can answer. */
  canBeAnswered: () => boolean;
  /** What there was before this core. */
  before: EarlierApprovals;
}

export interface EarlierApprovals {
  /** Number of the last approval that was ever made. */
  last: number;
  /** Those that had no answer when their core ended. */
  expired: readonly string[];
}

interface Open {
  approval: Approval;
  decide: Asking["decide"];
  /** Time that it has waited while somebody could have answered, and while nobody could. */
  waitedMs: number;
  stoodStillMs: number;
  /** Ends it; resolves when that is stored. */
  answer: (answer: ApprovalAnswer, by: string, rule?: ApprovalRule) => Promise<unknown>;
}

/** How many answered approvals are remembered, so that a second answer is told of the first. */
const mostRemembered = 10_000;
const lookEveryMs = 1_000;

export function createApprovals(parts: Parts): Approvals {
  const { tree, store, rules, notify, clock, before } = parts;
  const open = new Map<string, Open>();
  const resolved = new Map<string, Resolution>(before.expired.map((id) => [id, "expired"]));
  let last = before.last;
  let stopLooking = () => {};

  function rootIdOf(sessionId: string): string {
    return tree.find(sessionId)?.session.rootId ?? "";
  }

  /** Whoever answers first ends it. The rule that the answer makes is stored in the same breath. */
  async function end(id: string, decision: Resolution, by: string, rule?: ApprovalRule) {
    const asked = open.get(id);
    if (asked === undefined) return;
    open.delete(id);
    resolved.set(id, decision);
    for (const [oldest] of resolved) {
      if (resolved.size <= mostRemembered) break;
      resolved.delete(oldest);
    }
    if (open.size === 0) stopLooking();
    const rootId = rootIdOf(asked.approval.sessionId);
    const decided = () => {
      notify({ method: "approval/resolved", params: { approvalId: id, decision, by }, rootId });
      if (rule !== undefined) notify({ method: "approval/rulesChanged", params: {} });
    };
    const approvalRules = rule === undefined ? [] : [rule];
    await store.write(
      { endedApprovals: [id], approvalRules, durability: "durable" },
      { decided, ifFailing: "keep" },
    );
  }

  /** A new rule may be the answer to others that wait. */
  function lookAgain(): void {
    for (const one of [...open.values()]) {
      const { decision, message } = one.decide();
      if (decision === "ask") continue;
      const given = decision === "allow" ? "allowOnce" : "denyOnce";
      void one.answer({ decision: given, ...(message !== undefined && { message }) }, "rule");
    }
  }

  /** Nobody is blamed for not answering while nobody is there. */
  function watch(): void {
    stopLooking();
    stopLooking = clock.every(lookEveryMs, () => {
      const isRunning = parts.canBeAnswered();
      for (const one of [...open.values()]) {
        one[isRunning ? "waitedMs" : "stoodStillMs"] += lookEveryMs;
        if (!isRunning || one.waitedMs < parts.timeoutMs()) continue;
        const message = "nobody answered in time";
        void one.answer({ decision: "denyOnce", message }, "time-out");
      }
    });
  }

  function approvalOf({ sessionId, runId, question }: Asking, id: string): Approval {
    const { toolName, kind, title, input } = question;
    const always = rules.offer(sessionId, question);
    return {
      ...{ id, sessionId, path: pathOf(tree, sessionId), runId, toolName, kind, title, input },
      options:
        always === undefined
          ? ["allowOnce", "denyOnce"]
          : ["allowOnce", "allowAlways", "denyOnce", "denyAlways"],
      ...(always && { always }),
      requestedAt: clock.now(),
    };
  }

  /** The clock stands still while nobody could answer, and then there is no telling. */
  function withDeadline({ approval, stoodStillMs }: Pick<Open, "approval" | "stoodStillMs">) {
    if (!parts.canBeAnswered()) return approval;
    return { ...approval, expiresAt: approval.requestedAt + parts.timeoutMs() + stoodStillMs };
  }

  function unknown(approvalId: string): OffshootError {
    const decision = resolved.get(approvalId);
    if (decision === undefined) {
      const message = `there is no approval ${approvalId}`;
      return new OffshootError("approvalNotFound", message, { approvalId });
    }
    const message = `approval ${approvalId} was answered before: ${decision}`;
    return new OffshootError("approvalAlreadyResolved", message, { decision });
  }

  return {
    async ask(asking) {
      const { sessionId, signal, endedBy, asked, decide } = asking;
      if (signal.aborted) return { decision: "expired" };
      last += 1;
      const id = String(last);
      const approval = approvalOf(asking, id);
      return await new Promise<ApprovalAnswer>((done) => {
        const answer: Open["answer"] = (given, by, rule) => {
          signal.removeEventListener("abort", expire);
          done(given);
          return end(id, given.decision, by, rule);
        };
        const expire = () => void answer({ decision: "expired" }, endedBy());
        signal.addEventListener("abort", expire, { once: true });
        open.set(id, { approval, decide, waitedMs: 0, stoodStillMs: 0, answer });
        if (open.size === 1) watch();
        asked(id);
        const decided = () =>
          notify({
            method: "approval/requested",
            params: { approval: withDeadline({ approval, stoodStillMs: 0 }) },
            rootId: rootIdOf(sessionId),
          });
        // While the store fails, people are asked all the same.
        void store.write(
          { approvals: [approval], metadata: { lastApproval: last }, durability: "durable" },
          { decided, ifFailing: "keep" },
        );
      });
    },
    list: (rootId) =>
      [...open.values()]
        .map(withDeadline)
        .filter(({ sessionId }) => rootId === undefined || rootIdOf(sessionId) === rootId),
    async respond(params, by) {
      const { approvalId, decision, scope = "cwd", message } = params;
      const asked = open.get(approvalId);
      if (asked === undefined) throw unknown(approvalId);
      const { approval } = asked;
      const input = changedInput(params, approval);
      if (!approval.options.includes(decision)) {
        const why = "is not offered: no rule could say just this, so answer it once";
        throw new InvalidParams([{ path: "decision", message: why }]);
      }
      const always = { allowAlways: "allow", denyAlways: "deny" } as const;
      const rule =
        decision === "allowAlways" || decision === "denyAlways"
          ? rules.make({ approval, decision: always[decision], scope, by })
          : undefined;
      const given = { decision, ...input, ...(message !== undefined && { message }) };
      const stored = asked.answer(given, by, rule);
      if (rule !== undefined) lookAgain();
      await stored;
    },
    stop: () => stopLooking(),
  };
}

/** Who can answer: a person's client. A program inside a run would answer for itself. */
export function canAnswer({ options }: Pick<Caller, "options">): boolean {
  return options.workspaceTrusted !== false && options.run === undefined;
}

/** What to do instead, where that is not what was asked for anyway. */
function changedInput(
  { decision, input }: ParamsOf<"approval/respond">,
  approval: Approval,
): Pick<ApprovalAnswer, "input"> {
  if (input === undefined || isDeepStrictEqual(input, approval.input)) return {};
  if (decision === "allowOnce") return { input };
  const message = "can be changed with allowOnce only: an always is about what was asked";
  throw new InvalidParams([{ path: "input", message }]);
}

/**
 * Approvals of a dead core have expired with the runs that asked. Nobody is connected yet: clients
 * see that the list is empty, and fronts tell those that they have kept through the restart.
 */
export async function endOldApprovals(store: Store): Promise<EarlierApprovals> {
  const expired = (await store.approvals()).map(({ id }) => id);
  if (expired.length > 0) await store.write({ endedApprovals: expired, durability: "durable" });
  const last = await store.getMeta("lastApproval");
  return { last: typeof last === "number" ? last : 0, expired };
}

/** From the root to the session. */
function pathOf(tree: SessionTree, sessionId: string): { id: string; title: string }[] {
  return [...tree.upwards(sessionId)]
    .reverse()
    .map(({ session: { id, title } }) => ({ id, title }));
}
