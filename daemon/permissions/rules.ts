/** Whether an agent may act without asking: pure. A child never gets more than its parent. */
import type { AgentProfile, PermissionMode, Permissions } from "../../protocol/config.ts";
import { decide, type Decision } from "../base/rulePatterns.ts";
import type { ApprovalQuestion } from "../runners/runner.ts";
import type { StoredSession } from "../sessions/records.ts";

/** The strictest decision of the sets; there is one set or more for each session of the chain. */
export function permit(sets: readonly Permissions[], question: ApprovalQuestion): Decision {
  const decisions = sets.map((set) => decide(set, question));
  if (decisions.includes("deny")) return "deny";
  return decisions.includes("ask") ? "ask" : "allow";
}

/**
 * The sets that bind the last session of a chain, which begins below the root. An agent without
 * permissions of its own has those of the nearest agent above that has some, or the configured
 * ones. A set with the mode "auto" only narrows: no session gets more than `everybody` allows, and
 * no spawn more than its agent.
 */
export function permissionSets(
  chain: readonly Pick<StoredSession, "profile" | "narrowing" | "setup">[],
  everybody: Permissions,
): Permissions[] {
  const sets: Permissions[] = [{ mode: "auto", ...everybody }];
  let isBound = false;
  for (const [place, { profile, narrowing, setup }] of chain.entries()) {
    const configured = setup?.permissions ?? everybody;
    const own = profile?.permissions;
    if (own !== undefined) sets.push({ mode: configured.mode ?? "ask", ...own });
    // A program asks for nothing, so what it spawns is bound as if a person had spawned it.
    const counts = place === chain.length - 1 || !isPlainProgram(profile);
    if (own === undefined && !isBound && counts) sets.push(configured);
    isBound ||= own !== undefined || counts;
    if (setup?.permissions !== undefined) sets.push({ mode: "auto", ...setup.permissions });
    if (narrowing !== undefined) sets.push({ mode: "auto", ...narrowing });
  }
  return sets;
}

/** A program whose output is plain text: it never asks for permission. */
export function isPlainProgram(profile: AgentProfile | undefined): boolean {
  const runner = profile?.runner;
  return runner?.kind === "command" && (runner.format ?? "text") === "text";
}

const strictestFirst: readonly PermissionMode[] = ["plan", "ask", "acceptEdits", "auto"];

/** The mode that decides where no rule does. */
export function strictestMode(sets: readonly Permissions[]): PermissionMode {
  const modes = sets.map(({ mode = "ask" }) => mode);
  return strictestFirst.find((mode) => modes.includes(mode)) ?? "ask";
}
