/** The modes of a session, and the rules that answers add. */
import type { Permissions } from "../../protocol/config.ts";
import { exactPattern, type Action, type Decision } from "../base/rulePatterns.ts";

export type Mode = NonNullable<Permissions["mode"]>;
export type Rule = NonNullable<Permissions["rules"]>[number];

export const modes: readonly { id: Mode; name: string; description: string }[] = [
  { id: "ask", name: "Ask", description: "Reads freely, asks before it changes or runs anything" },
  { id: "acceptEdits", name: "Accept edits", description: "Edits freely, asks before it runs" },
  { id: "auto", name: "Auto", description: "Does everything in the folder without asking" },
  { id: "plan", name: "Plan", description: "Reads only" },
];

/**
 * The rule that "always" adds: for exactly this path, command or address, or for the whole tool.
 */
export function ruleFor({ toolName: tool, subject }: Action, decision: Decision): Rule {
  if (subject === undefined) return { tool, decision };
  return { tool, pattern: exactPattern(subject), decision };
}
