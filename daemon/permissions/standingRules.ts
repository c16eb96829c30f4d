/**
 * Answers that people gave for always. Each is a rule for exactly what was asked, in one folder or
 * one tree. It only ever takes the place of a person who would be asked: what permissions deny it
 * does not allow, and of several that fit one that denies wins.
 */
import { v7 as newId } from "uuid";
import type {
  Approval,
  ApprovalRule,
  ApprovalScope,
  StoredRule,
} from "../../protocol/approvals.ts";
import { OffshootError } from "../../protocol/errors.ts";
import type { News } from "../sessions/news.ts";
import { exactPattern } from "../base/rulePatterns.ts";
import type { ApprovalQuestion } from "../runners/runner.ts";
import type { SessionTree } from "../sessions/sessionTree.ts";
import type { Store } from "../store/sessionStore.ts";

export interface ApprovalRules {
  /** The rule that answers a question of a session. */
  find(sessionId: string, question: ApprovalQuestion): ApprovalRule | undefined;
  /** Counts that a rule has answered. */
  used(rule: ApprovalRule): void;
  /** What "always" would store; nothing where no rule could say just this. */
  offer(sessionId: string, question: ApprovalQuestion): Approval["always"];
  /**
   * Makes the rule of an answer; from here on it counts. The caller stores it, together with the
   * end of the approval, and then tells of it. Nothing where it is there already.
   */
  make(answer: RuleAnswer): ApprovalRule | undefined;
  /** Those of a folder or of a tree, else all; the oldest first. */
  list(wanted: { cwd?: string | undefined; rootId?: string | undefined }): ApprovalRule[];
  /** Resolves when it is gone for good. Throws 1014 for an unknown id. */
  remove(ruleId: string): Promise<void>;
  /** Removes the rules of trees that are gone. */
  removeOrphans(): Promise<void>;
}

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

/** A longer command is not asked again, and no person can look through it. */
const longestSubject = 1_000;

export function createApprovalRules({ tree, store, notify, now, loaded }: Parts): ApprovalRules {
  const rules = new Map(loaded.map((rule) => [rule.id, rule]));

  function holdsIn({ scope }: ApprovalRule, sessionId: string): boolean {
    const session = tree.find(sessionId)?.session;
    return scope.kind === "cwd" ? session?.cwd === scope.cwd : session?.rootId === scope.rootId;
  }

  function scopeFor(kind: ApprovalScope["kind"], sessionId: string): ApprovalScope {
    const { cwd, rootId } = tree.get(sessionId).session;
    return kind === "cwd" ? { kind, cwd } : { kind, rootId };
  }

  /** `always allow git status in /w`, with the subject in quotes. */
  function wordsFor(rule: StoredRule, kind: string, subject: string, scope: ApprovalScope): string {
    const tool = kind === "execute" ? "" : `${visible(rule.tool)} `;
    const title = scope.kind === "tree" ? (tree.find(scope.rootId)?.session.title ?? "") : "";
    const place = scope.kind === "cwd" ? scope.cwd : `the tree "${visible(title)}"`;
    return `always ${rule.decision} ${tool}\`${visible(subject)}\` in ${place}`;
  }

  async function forget(ruleIds: readonly string[]): Promise<boolean> {
    if (ruleIds.length === 0) return true;
    for (const id of ruleIds) rules.delete(id);
    const decided = () => notify({ method: "approval/rulesChanged", params: {} });
    return await store.write(
      { removedApprovalRules: [...ruleIds], durability: "durable" },
      { decided, ifFailing: "keep" },
    );
  }

  return {
    find(sessionId, question) {
      const fitting = [...rules.values()].filter(
        (one) => covers(one.rule, question) && holdsIn(one, sessionId),
      );
      return fitting.find(({ rule }) => rule.decision === "deny") ?? fitting[0];
    },
    used({ id }) {
      const rule = rules.get(id);
      if (rule === undefined) return;
      const used = { ...rule, usedAt: now(), uses: rule.uses + 1 };
      rules.set(id, used);
      void store.write({ approvalRules: [used], durability: "lazy" }, { ifFailing: "keep" });
    },
    offer(sessionId, question) {
      const { subject, toolName, kind } = question;
      if (subject === undefined || subject.length > longestSubject) return undefined;
      const pattern = exactPattern(subject);
      const rule: StoredRule = { tool: toolName, pattern, decision: "allow" };
      return { rule, text: wordsFor(rule, kind, subject, scopeFor("cwd", sessionId)) };
    },
    make({ approval, decision, scope: wanted, by }) {
      const { always, sessionId, kind, id: approvalId } = approval;
      if (always === undefined) return undefined;
      const rule: StoredRule = { ...always.rule, decision };
      const scope = scopeFor(wanted, sessionId);
      const isThere = [...rules.values()].some(
        (one) => sameJson(one.rule, rule) && sameJson(one.scope, scope),
      );
      if (isThere) return undefined;
      const title = wordsFor(rule, kind, exactSubject(rule.pattern ?? ""), scope);
      const facts = { id: newId(), rule, scope, title, approvalId };
      const made: ApprovalRule = { ...facts, createdAt: now(), createdBy: by, uses: 0 };
      rules.set(made.id, made);
      return made;
    },
    list: ({ cwd, rootId }) =>
      [...rules.values()].filter(
        ({ scope }) =>
          (cwd === undefined && rootId === undefined) ||
          (scope.kind === "cwd" ? scope.cwd === cwd : scope.rootId === rootId),
      ),
    async remove(ruleId) {
      if (!rules.has(ruleId)) {
        throw new OffshootError("ruleNotFound", `there is no rule ${ruleId}`, { ruleId });
      }
      if (await forget([ruleId])) return;
      const cause = store.health.ok ? "the write failed" : store.health.cause;
      const message = `the rule counts no more, but the store cannot forget it yet: ${cause}`;
      throw new OffshootError("storeUnavailable", message, { cause });
    },
    async removeOrphans() {
      const gone = [...rules.values()].filter(
        ({ scope }) => scope.kind === "tree" && tree.find(scope.rootId) === undefined,
      );
      await forget(gone.map(({ id }) => id));
    },
  };
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
