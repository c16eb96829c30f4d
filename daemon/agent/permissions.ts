/** Decides whether a call may act without asking, by rules and by the mode. */
import type { ToolKind } from "@agentclientprotocol/sdk";
import type { Permissions } from "../../protocol/config.ts";
import { exactPattern, matches } from "../base/rulePatterns.ts";

export type Mode = NonNullable<Permissions["mode"]>;
export type Rule = NonNullable<Permissions["rules"]>[number];
export type Decision = Rule["decision"];

export const modes: readonly { id: Mode; name: string; description: string }[] = [
  { id: "ask", name: "Ask", description: "Reads freely, asks before it changes or runs anything" },
  { id: "acceptEdits", name: "Accept edits", description: "Edits freely, asks before it runs" },
  { id: "auto", name: "Auto", description: "Does everything in the folder without asking" },
  { id: "plan", name: "Plan", description: "Reads only" },
];

export interface Action {
  tool: string;
  kind: ToolKind;
  /** The path, command or address of the call. */
  subject: string | undefined;
}

const changesNothing: ReadonlySet<ToolKind> = new Set(["read", "search", "think"]);
const edits: ReadonlySet<ToolKind> = new Set(["edit", "delete", "move"]);

/**
 * The last rule that matches decides; without one, the mode. The caller has confined every path.
 */
export function decide(mode: Mode, rules: readonly Rule[], action: Action): Decision {
  const { tool, kind } = action;
  const rule = rules.findLast(
    (candidate) =>
      (candidate.tool === "*" || candidate.tool === tool || candidate.tool === kind) &&
      (candidate.pattern === undefined || matches(action, candidate.pattern, candidate.decision)),
  );
  // In the mode `plan` no rule allows a change.
  const acts = !changesNothing.has(kind);
  if (mode === "plan" && acts) return "deny";
  if (rule !== undefined) return rule.decision;
  if (!acts || mode === "auto") return "allow";
  return mode === "acceptEdits" && edits.has(kind) ? "allow" : "ask";
}

/**
 * The rule that "always" adds: for exactly this path, command or address, or for the whole tool.
 */
export function ruleFor({ tool, subject }: Action, decision: Decision): Rule {
  if (subject === undefined) return { tool, decision };
  return { tool, pattern: exactPattern(subject), decision };
}
