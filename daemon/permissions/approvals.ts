/**
 * What agents ask people: stored, sent to every client, answered once by any of them. An approval
 * ends with its run: when the agent, the run or the core is gone, the approval has expired.
 */
import { isDeepStrictEqual } from "node:util";
import type { Approval, ApprovalRule } from "../../protocol/approvals.ts";
import { OffshootError } from "../../protocol/errors.ts";
import type { NotificationParams, ParamsOf } from "../../protocol/messages.ts";
import type { Clock } from "../base/clock.ts";
import { InvalidParams } from "../base/invalidParams.ts";
import type { ApprovalAnswer, ApprovalQuestion } from "../runners/runner.ts";
import type { Caller } from "../sessions/caller.ts";
import type { News } from "../sessions/news.ts";
import type { SessionTree } from "../sessions/sessionTree.ts";
import type { Store } from "../store/sessionStore.ts";
import type { Decision } from "../base/rulePatterns.ts";
import type { StandingRules } from "./standingRules.ts";

export interface Asking {
  sessionId: string;
  runId: string;
  question: ApprovalQuestion;
  /** Aborted when nobody waits for the answer any more, and who has ended the wait then. */
  signal: AbortSignal;
  endedBy: () => string;
  /** Called with the id of the approval when it is asked. */
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
  rules: StandingRules;
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
  /** Time that the approval has waited while somebody could have answered, and while nobody could. */
  waitedMs: number;
  stoodStillMs: number;
  /** Ends the approval; resolves when that is stored. */
  answer: (answer: ApprovalAnswer, by: string, rule?: ApprovalRule) => Promise<unknown>;
}

/** How many answered approvals are remembered, so that a second answer is refused with the first. */
const mostRemembered = 10_000;
const checkEveryMs = 1_000;

export class Approvals {
  readonly #parts: Parts;
  readonly #open = new Map<string, Open>();
  readonly #resolved: Map<string, Resolution>;
  #last: number;
  #stopTimer = () => {};

  constructor(parts: Parts) {
    this.#parts = parts;
    this.#resolved = new Map(parts.before.expired.map((id) => [id, "expired"]));
    this.#last = parts.before.last;
  }

  /** Asks every client; resolves with the answer, or with `expired` when the signal is aborted. */
  async ask(asking: Asking): Promise<ApprovalAnswer> {
    const { signal, endedBy, asked, decide } = asking;
    if (signal.aborted) return { decision: "expired" };
    this.#last += 1;
    const id = String(this.#last);
    const approval = this.#approvalOf(asking, id);
    return await new Promise<ApprovalAnswer>((done) => {
      const answer: Open["answer"] = (given, by, rule) => {
        signal.removeEventListener("abort", expire);
        done(given);
        return this.#end(id, given.decision, by, rule);
      };
      const expire = () => void answer({ decision: "expired" }, endedBy());
      signal.addEventListener("abort", expire, { once: true });
      this.#open.set(id, { approval, decide, waitedMs: 0, stoodStillMs: 0, answer });
      if (this.#open.size === 1) this.#startTimer();
      asked(id);
      this.#storeAsked(approval);
    });
  }

  list(rootId: string | undefined): Approval[] {
    return [...this.#open.values()]
      .map((open) => this.#withDeadline(open))
      .filter(({ sessionId }) => rootId === undefined || this.#rootIdOf(sessionId) === rootId);
  }

  /**
   * Resolves when the answer is stored, with the rule that it made. Throws 1009 for an unknown id,
   * 1010 for an approval that was answered before, -32602 for an answer that cannot be meant.
   */
  async respond(params: ParamsOf<"approval/respond">, by: string): Promise<void> {
    const { approvalId, decision, scope = "cwd", message } = params;
    const open = this.#open.get(approvalId);
    if (open === undefined) throw this.#notOpen(approvalId);
    const { approval } = open;
    const input = changedInput(params, approval);
    if (!approval.options.includes(decision)) {
      const why = "is not offered: no rule could say just this, so answer it once";
      throw new InvalidParams([{ path: "decision", message: why }]);
    }
    const always = { allowAlways: "allow", denyAlways: "deny" } as const;
    const rule =
      decision === "allowAlways" || decision === "denyAlways"
        ? this.#parts.rules.make({ approval, decision: always[decision], scope, by })
        : undefined;
    const given = { decision, ...input, ...(message !== undefined && { message }) };
    const stored = open.answer(given, by, rule);
    if (rule !== undefined) this.#decideAgain();
    await stored;
  }

  stop(): void {
    this.#stopTimer();
  }

  #rootIdOf(sessionId: string): string {
    return this.#parts.tree.find(sessionId)?.session.rootId ?? "";
  }

  /** The first answer ends the approval. The rule that it makes is stored in the same write. */
  async #end(id: string, decision: Resolution, by: string, rule?: ApprovalRule): Promise<void> {
    const { store, notify } = this.#parts;
    const open = this.#open.get(id);
    if (open === undefined) return;
    this.#open.delete(id);
    this.#remember(id, decision);
    if (this.#open.size === 0) this.#stopTimer();
    const rootId = this.#rootIdOf(open.approval.sessionId);
    const decided = () => {
      notify({ method: "approval/resolved", params: { approvalId: id, decision, by }, rootId });
      if (rule !== undefined) notify({ method: "approval/rulesChanged", params: {} });
    };
    const approvalRules = rule === undefined ? [] : [rule];
    await store.write(
      { endedApprovals: [id], approvalRules, durability: "durable" },
      { decided, ifFailing: "retry" },
    );
  }

  #remember(id: string, decision: Resolution): void {
    this.#resolved.set(id, decision);
    for (const [oldest] of this.#resolved) {
      if (this.#resolved.size <= mostRemembered) break;
      this.#resolved.delete(oldest);
    }
  }

  /** While the store fails, people are asked all the same. */
  #storeAsked(approval: Approval): void {
    const { store, notify } = this.#parts;
    const decided = () =>
      notify({
        method: "approval/requested",
        params: { approval: this.#withDeadline({ approval, stoodStillMs: 0 }) },
        rootId: this.#rootIdOf(approval.sessionId),
      });
    void store.write(
      { approvals: [approval], metadata: { lastApproval: this.#last }, durability: "durable" },
      { decided, ifFailing: "retry" },
    );
  }

  /** A new rule may be the answer to other approvals that wait. */
  #decideAgain(): void {
    for (const open of [...this.#open.values()]) {
      const { decision, message } = open.decide();
      if (decision === "ask") continue;
      const given = decision === "allow" ? "allowOnce" : "denyOnce";
      void open.answer({ decision: given, ...(message !== undefined && { message }) }, "rule");
    }
  }

  /** An approval is denied for want of an answer only after time in which somebody was there. */
  #startTimer(): void {
    const { clock, canBeAnswered, timeoutMs } = this.#parts;
    this.#stopTimer();
    this.#stopTimer = clock.every(checkEveryMs, () => {
      const isRunning = canBeAnswered();
      for (const open of [...this.#open.values()]) {
        open[isRunning ? "waitedMs" : "stoodStillMs"] += checkEveryMs;
        if (!isRunning || open.waitedMs < timeoutMs()) continue;
        const message = "nobody answered in time";
        void open.answer({ decision: "denyOnce", message }, "time-out");
      }
    });
  }

  #approvalOf({ sessionId, runId, question }: Asking, id: string): Approval {
    const { tree, rules, clock } = this.#parts;
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

  /** While nobody can answer, the clock stands still and there is no deadline to name. */
  #withDeadline({ approval, stoodStillMs }: Pick<Open, "approval" | "stoodStillMs">): Approval {
    const { canBeAnswered, timeoutMs } = this.#parts;
    if (!canBeAnswered()) return approval;
    return { ...approval, expiresAt: approval.requestedAt + timeoutMs() + stoodStillMs };
  }

  #notOpen(approvalId: string): OffshootError {
    const decision = this.#resolved.get(approvalId);
    if (decision === undefined) {
      const message = `there is no approval ${approvalId}`;
      return new OffshootError("approvalNotFound", message, { approvalId });
    }
    const message = `approval ${approvalId} was answered before: ${decision}`;
    return new OffshootError("approvalAlreadyResolved", message, { decision });
  }
}

/** Who can answer: a person's client. A program inside a run would answer for itself. */
export function canAnswer({ options }: Pick<Caller, "options">): boolean {
  return options.workspaceTrusted !== false && options.run === undefined;
}

/** The input that a person has put in the place of the one that was asked for. */
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
 * Approvals of a dead core have expired with the runs that asked. No client is connected yet: new
 * ones see an empty list, and fronts notify those that stayed connected over the restart.
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
