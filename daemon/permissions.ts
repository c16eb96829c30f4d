/**
 * Whether an agent may do something without asking: pure. Rules decide, the last one that matches
 * wins; without one the mode does. A child never gets more than its parent.
 */
import picomatch from "picomatch";
import type { Permissions } from "../protocol/config.ts";
import type { ApprovalQuestion, ToolKind } from "./runners/runner.ts";

export type Decision = "allow" | "ask" | "deny";

const changesNothing: ReadonlySet<ToolKind> = new Set(["read", "search", "think"]);
const edits: ReadonlySet<ToolKind> = new Set(["edit", "delete", "move"]);

/** What the strictest of the sets says; each stands for one session on the way from the root. */
export function permit(sets: readonly Permissions[], question: ApprovalQuestion): Decision {
  const decisions = sets.map((set) => decideOne(set, question));
  if (decisions.includes("deny")) return "deny";
  return decisions.includes("ask") ? "ask" : "allow";
}

function decideOne(
  { mode = "ask", rules = [] }: Permissions,
  question: ApprovalQuestion,
): Decision {
  const rule = rules.findLast(
    ({ tool, pattern, decision }) =>
      (tool === "*" || tool === question.toolName || tool === question.kind) &&
      (pattern === undefined || matches(question, pattern, decision)),
  );
  if (rule !== undefined) return rule.decision;
  if (changesNothing.has(question.kind)) return "allow";
  switch (mode) {
    case "ask":
      return "ask";
    case "acceptEdits":
      return edits.has(question.kind) ? "allow" : "ask";
    case "auto":
      return "allow";
    case "plan":
      return "deny";
  }
}

/** What joins commands or puts one into another: what allows the first does not allow the next. */
const joinsCommands = /[;&|`\n<>]|\$\(/;

/** A path's `*` stays within one folder; a command's matches anything. */
function matches(
  { subject, kind }: ApprovalQuestion,
  pattern: string,
  decision: Decision,
): boolean {
  if (subject === undefined) return false;
  if (subject === pattern) return true;
  if (kind === "execute" && decision === "allow" && joinsCommands.test(subject)) return false;
  return picomatch.isMatch(subject, pattern, { dot: true, bash: kind === "execute" });
}
