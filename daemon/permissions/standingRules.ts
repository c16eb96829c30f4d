/**
 * Answers that people gave for always. Each is a rule for exactly what was asked, in one folder or
 * one tree. A rule only ever takes the place of a person who would be asked: it does not allow what
 * permissions deny, and where several rules fit, one that denies wins.
 */
import { v7 as newId } from "uuid";
import type {
  Approval,
  ApprovalRule,
  ApprovalScope,
  StoredRule,
} from "../../protocol/approvals.ts";
import { OffshootError } from "../../protocol/errors.ts";
import { exactPattern } from "../base/rulePatterns.ts";
import type { ApprovalQuestion } from "../runners/runner.ts";
import type { News } from "../sessions/news.ts";
import type { SessionTree } from "../sessions/sessionTree.ts";
import { storeUnavailable } from "../sessions/storeUnavailable.ts";
import type { Store } from "../store/sessionStore.ts";

export interface RuleAnswer {
  approval: Approval;
  decision: StoredRule["decision"];
  scope: ApprovalScope["kind"];
  /** Name of the client. */
  by: string;
}

interface Parts {
  tree: SessionTree;
  store: Store;
  notify: (news: News) => void;
  now: () => number;
  /** What the store held at start. */
  loaded: readonly ApprovalRule[];
}

/** For a longer command no rule is offered: no person can look through it. */
const longestSubject = 1_000;

export class StandingRules {
  readonly #parts: Parts;
  readonly #rules: Map<string, ApprovalRule>;

  constructor(parts: Parts) {
    this.#parts = parts;
    this.#rules = new Map(parts.loaded.map((rule) => [rule.id, rule]));
  }

  /** The rule that answers a question of a session. */
  find(sessionId: string, question: ApprovalQuestion): ApprovalRule | undefined {
    const fitting = [...this.#rules.values()].filter(
      (one) => covers(one.rule, question) && this.#holdsIn(one, sessionId),
    );
    return fitting.find(({ rule }) => rule.decision === "deny") ?? fitting[0];
  }

  /** Counts that a rule has answered. */
  used({ id }: ApprovalRule): void {
    const rule = this.#rules.get(id);
    if (rule === undefined) return;
    const { store, now } = this.#parts;
    const used = { ...rule, usedAt: now(), uses: rule.uses + 1 };
    this.#rules.set(id, used);
    void store.write({ approvalRules: [used], durability: "lazy" }, { ifFailing: "retry" });
  }

  /** What "always" would store; nothing where no rule could say just this. */
  offer(sessionId: string, question: ApprovalQuestion): Approval["always"] {
    const { subject, toolName, kind } = question;
    if (subject === undefined || subject.length > longestSubject) return undefined;
    const pattern = exactPattern(subject);
    const rule: StoredRule = { tool: toolName, pattern, decision: "allow" };
    return { rule, text: this.#sentenceOf(rule, kind, subject, this.#scopeOf("cwd", sessionId)) };
  }

  /**
   * Makes the rule of an answer, which counts from here on. The caller stores the rule, together
   * with the end of the approval, and then notifies clients. Nothing where the rule exists already.
   */
  make({ approval, decision, scope: wanted, by }: RuleAnswer): ApprovalRule | undefined {
    const { always, sessionId, kind, id: approvalId } = approval;
    if (always === undefined) return undefined;
    const rule: StoredRule = { ...always.rule, decision };
    const scope = this.#scopeOf(wanted, sessionId);
    const exists = [...this.#rules.values()].some(
      (one) => sameJson(one.rule, rule) && sameJson(one.scope, scope),
    );
    if (exists) return undefined;
    const title = this.#sentenceOf(rule, kind, exactSubject(rule.pattern ?? ""), scope);
    const facts = { id: newId(), rule, scope, title, approvalId };
    const made: ApprovalRule = { ...facts, createdAt: this.#parts.now(), createdBy: by, uses: 0 };
    this.#rules.set(made.id, made);
    return made;
  }

  /** The rules of a folder or of a tree, else all; the oldest first. */
  list({ cwd, rootId }: { cwd?: string | undefined; rootId?: string | undefined }): ApprovalRule[] {
    return [...this.#rules.values()].filter(
      ({ scope }) =>
        (cwd === undefined && rootId === undefined) ||
        (scope.kind === "cwd" ? scope.cwd === cwd : scope.rootId === rootId),
    );
  }

  /** Resolves when the rule is gone for good. Throws 1014 for an unknown id. */
  async remove(ruleId: string): Promise<void> {
    if (!this.#rules.has(ruleId)) {
      throw new OffshootError("ruleNotFound", `there is no rule ${ruleId}`, { ruleId });
    }
    if (await this.#forget([ruleId])) return;
    const what = "the rule counts no more, but the store cannot forget it yet";
    throw storeUnavailable(this.#parts.store.health, what);
  }

  /** Removes the rules of trees that are gone. */
  async removeOrphans(): Promise<void> {
    const gone = [...this.#rules.values()].filter(
      ({ scope }) => scope.kind === "tree" && this.#parts.tree.find(scope.rootId) === undefined,
    );
    await this.#forget(gone.map(({ id }) => id));
  }

  #holdsIn({ scope }: ApprovalRule, sessionId: string): boolean {
    const session = this.#parts.tree.find(sessionId)?.session;
    return scope.kind === "cwd" ? session?.cwd === scope.cwd : session?.rootId === scope.rootId;
  }

  #scopeOf(kind: ApprovalScope["kind"], sessionId: string): ApprovalScope {
    const { cwd, rootId } = this.#parts.tree.get(sessionId).session;
    return kind === "cwd" ? { kind, cwd } : { kind, rootId };
  }

  /** `always allow git status in /w`, with the subject in quotes. */
  #sentenceOf(rule: StoredRule, kind: string, subject: string, scope: ApprovalScope): string {
    const { tree } = this.#parts;
    const tool = kind === "execute" ? "" : `${visible(rule.tool)} `;
    const title = scope.kind === "tree" ? (tree.find(scope.rootId)?.session.title ?? "") : "";
    const place = scope.kind === "cwd" ? scope.cwd : `the tree "${visible(title)}"`;
    return `always ${rule.decision} ${tool}\`${visible(subject)}\` in ${place}`;
  }

  async #forget(ruleIds: readonly string[]): Promise<boolean> {
    if (ruleIds.length === 0) return true;
    const { store, notify } = this.#parts;
    for (const id of ruleIds) this.#rules.delete(id);
    return await store.write(
      { removedApprovalRules: [...ruleIds], durability: "durable" },
      {
        decided: () => notify({ method: "approval/rulesChanged", params: {} }),
        ifFailing: "retry",
      },
    );
  }
}

/** Exactly this tool and this subject: as texts, since patterns have more than one reading. */
function covers({ tool, pattern }: StoredRule, { toolName, subject }: ApprovalQuestion): boolean {
  return tool === toolName && subject !== undefined && pattern === exactPattern(subject);
}

function exactSubject(pattern: string): string {
  return pattern.replaceAll(/\\(.)/gsu, "$1");
}

/** What has no shape of its own, or turns the reading direction, must not hide in a sentence. */
function visible(text: string): string {
  return text
    .replaceAll("\n", String.raw`\n`)
    .replaceAll(
      /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu,
      (character) => `\\u{${character.codePointAt(0)?.toString(16) ?? ""}}`,
    );
}

function sameJson(one: unknown, other: unknown): boolean {
  return JSON.stringify(one) === JSON.stringify(other);
}
