/** Whether an agent may act without asking: pure. A child never gets more than its parent. */
import type { AgentProfile, PermissionMode, Permissions } from "../../protocol/config.ts";
import { decide, type Decision } from "../base/rulePatterns.ts";
import type { ApprovalQuestion } from "../runners/runner.ts";
import type { StoredSession } from "../sessions/records.ts";

/** What the strictest of the sets says; each stands for one session on the way from the root. */
export function permit(sets: readonly Permissions[], question: ApprovalQuestion): Decision {
  const decisions = sets.map((set) => decide(set, question));
  if (decisions.includes("deny")) return "deny";
  return decisions.includes("ask") ? "ask" : "allow";
}

/**
 * The sets that bind the last session of a chain, which begins below the root. An agent that says
 * nothing of permissions has those of the nearest one above that does, or what is configured.
 * "auto" takes nothing away: so nobody gets more than `everybody`, and no spawn more than its agent.
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
    // A program asks nobody; what it spawns has no less to say than if a person had spawned it.
    const counts = place === chain.length - 1 || !isPlainProgram(profile);
    if (own === undefined && !isBound && counts) sets.push(configured);
    isBound ||= own !== undefined || counts;
    if (setup?.permissions !== undefined) sets.push({ mode: "auto", ...setup.permissions });
    if (narrowing !== undefined) sets.push({ mode: "auto", ...narrowing });
  }
  return sets;
}

/** A program that says nothing but text: it asks nobody, and is asked nothing. */
export function isPlainProgram(profile: AgentProfile | undefined): boolean {
  const runner = profile?.runner;
  return runner?.kind === "command" && (runner.format ?? "text") === "text";
}

const strictestFirst: readonly PermissionMode[] = ["plan", "ask", "acceptEdits", "auto"];

/** What counts where no rule does. */
export function strictestMode(sets: readonly Permissions[]): PermissionMode {
  const modes = sets.map(({ mode = "ask" }) => mode);
  return strictestFirst.find((mode) => modes.includes(mode)) ?? "ask";
}
