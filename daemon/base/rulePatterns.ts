/** Decides by permission rules, and matches their patterns. Pure. */
import picomatch from "picomatch";
import type { ToolKind } from "@agentclientprotocol/sdk";
import type { Permissions } from "../../protocol/config.ts";

export type Decision = NonNullable<Permissions["rules"]>[number]["decision"];

/** A call of a tool. */
export interface Action {
  toolName: string;
  kind: ToolKind;
  /** The path, command or address of the call. */
  subject?: string | undefined;
}

const changesNothing: ReadonlySet<ToolKind> = new Set(["read", "search", "think"]);
const edits: ReadonlySet<ToolKind> = new Set(["edit", "delete", "move"]);

/**
 * The last rule that matches decides; without one, the mode. In the mode `plan` no rule allows a
 * change.
 */
export function decide({ mode = "ask", rules = [] }: Permissions, action: Action): Decision {
  const acts = !changesNothing.has(action.kind);
  if (mode === "plan" && acts) return "deny";
  const rule = rules.findLast(
    ({ tool, pattern, decision }) =>
      (tool === "*" || tool === action.toolName || tool === action.kind) &&
      (pattern === undefined || matches(action, pattern, decision)),
  );
  if (rule !== undefined) return rule.decision;
  if (!acts || mode === "auto") return "allow";
  return mode === "acceptEdits" && edits.has(action.kind) ? "allow" : "ask";
}

/** What joins commands or nests one in another: allowing the first does not allow the next. */
const joinsCommands = /[;&|`\n<>]|\$\(/;

/**
 * Whether a rule with this pattern and decision holds for a path, command or address. A path's `*`
 * stays within one folder; a command's matches anything.
 */
function matches({ subject, kind }: Action, pattern: string, decision: Decision): boolean {
  if (subject === undefined) return false;
  if (subject === pattern || exactPattern(subject) === pattern) return true;
  if (kind === "execute" && decision === "allow" && joinsCommands.test(subject)) return false;
  return picomatch.isMatch(subject, pattern, { dot: true, bash: kind === "execute" });
}

/** The pattern that stands for this subject and nothing else. */
export function exactPattern(subject: string): string {
  return subject.replaceAll(/[\\*?[\]{}()!+@|^$~]/gu, String.raw`\$&`);
}
