/** Whether a call may act without asking, and what was answered for the rest of a session. */
import picomatch from "picomatch";
import type { ToolKind } from "@agentclientprotocol/sdk";
import type { Permissions } from "../../protocol/config.ts";

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
  /** Path, command or address. */
  subject: string | undefined;
}

const changesNothing: ReadonlySet<ToolKind> = new Set(["read", "search", "think"]);
const edits: ReadonlySet<ToolKind> = new Set(["edit", "delete", "move"]);

/** The last rule that matches decides, without one the mode. Every path was confined before. */
export function decide(mode: Mode, rules: readonly Rule[], action: Action): Decision {
  const { tool, kind, subject } = action;
  const rule = rules.findLast(
    (candidate) =>
      (candidate.tool === "*" || candidate.tool === tool || candidate.tool === kind) &&
      (candidate.pattern === undefined || matches(subject, candidate.pattern)),
  );
  // Nothing that was allowed before makes a plan act.
  const acts = !changesNothing.has(kind);
  if (mode === "plan" && acts) return "deny";
  if (rule !== undefined) return rule.decision;
  if (!acts || mode === "auto") return "allow";
  return mode === "acceptEdits" && edits.has(kind) ? "allow" : "ask";
}

/** `*` in a command matches anything, also slashes; in a path it stays within one folder. */
function matches(subject: string | undefined, pattern: string): boolean {
  if (subject === undefined) return false;
  return subject === pattern || picomatch.isMatch(subject, pattern, { dot: true, bash: true });
}

/** The rule that "always" means: this command or address exactly, or the tool on any path. */
export function ruleFor({ tool, kind, subject }: Action, decision: Decision): Rule {
  const isPath = changesNothing.has(kind) || edits.has(kind);
  if (isPath || subject === undefined) return { tool, decision };
  return { tool, pattern: subject, decision };
}
