/** What the core offers to an agent while it runs: approvals, messages, adopted children, memory. */
import type { Permissions } from "../../protocol/config.ts";
import type { AgentEvent } from "../../protocol/events.ts";
import type { Adoption } from "./adoptedChildren.ts";
import type { Agents } from "../profiles/catalogue.ts";
import type { ApprovalRules } from "../permissions/standingRules.ts";
import type { Approvals, Verdict } from "../permissions/approvals.ts";
import type { LiveRun } from "./life.ts";
import { permissionSets, permit, strictestMode } from "../permissions/rules.ts";
import type { ApprovalAnswer, ApprovalQuestion, RunContext } from "../runners/runner.ts";
import type { SessionTree } from "../sessions/sessionTree.ts";
import type { StateFolder } from "../base/stateFolder.ts";
import { titleOf } from "./spawn.ts";
import { transition } from "../sessions/transition.ts";

export type AgentServices = Pick<
  RunContext,
  | "permissionMode"
  | "skills"
  | "instructions"
  | "ask"
  | "onMessage"
  | "onPause"
  | "adopt"
  | "describe"
  | "remembered"
  | "remember"
  | "toolServer"
>;

interface Parts {
  tree: SessionTree;
  approvals: Approvals;
  rules: ApprovalRules;
  adoption: Adoption;
  folder: StateFolder;
  /** How to call `offshoot` itself. */
  selfCommand: readonly string[];
  /** What the configuration allows to everybody. */
  permissions: () => Permissions;
  /** What the agent of a session may read besides its prompt. */
  materialFor: Agents["materialFor"];
  emit: (run: LiveRun, event: AgentEvent) => void;
  /** People are asked something for the run, or no more; resolves when it may go on. */
  askingChanged: (run: LiveRun) => Promise<void>;
  now: () => number;
}

/** The tool of Offshoot's own server, however the agent names it. */
const isSpawn = /(^|_)spawn_agent$/;

/** `attempt` is aborted when the attempt is over, though the run may go on. */
export function createAgentServices(
  parts: Parts,
): (run: LiveRun, attempt: AbortSignal) => AgentServices {
  const { tree, approvals, rules, adoption, folder, selfCommand, now } = parts;

  function permissionsOf(run: LiveRun): Permissions[] {
    const chain = tree.upwards(run.sessionId).filter(({ profile }) => profile !== undefined);
    return permissionSets([...chain].reverse(), parts.permissions());
  }

  function materialOf(run: LiveRun) {
    const record = tree.find(run.sessionId);
    return record ? parts.materialFor(record) : { skills: [], instructions: undefined };
  }

  /** Permissions first: a stored rule takes the place of a person, and never of more. */
  function decide(run: LiveRun, question: ApprovalQuestion): Verdict {
    const decision = permit(permissionsOf(run), question);
    if (decision === "deny") {
      return { decision, message: "the permissions of this session do not allow it" };
    }
    const rule = rules.find(run.sessionId, question);
    if (rule === undefined) return { decision };
    const stored = rule.rule.decision;
    if (decision === "allow" && stored === "allow") return { decision };
    rules.used(rule);
    if (stored === "allow") return { decision: stored };
    return { decision: stored, message: `a stored rule does not allow it: ${rule.title}` };
  }

  async function ask(
    run: LiveRun,
    question: ApprovalQuestion,
    { attempt, withdrawn }: { attempt: AbortSignal; withdrawn: AbortSignal | undefined },
  ): Promise<ApprovalAnswer> {
    const { decision, message } = decide(run, question);
    if (decision === "allow") return { decision: "allowOnce" };
    if (decision === "deny") return { decision: "denyOnce", ...(message && { message }) };
    const stopped = run.controller.signal;
    const ends = [stopped, attempt, ...(withdrawn === undefined ? [] : [withdrawn])];
    let approvalId = "";
    const answer = await approvals.ask({
      sessionId: run.sessionId,
      runId: run.runId,
      question,
      signal: AbortSignal.any(ends),
      endedBy: () => (stopped.aborted ? "run ended" : attempt.aborted ? "agent ended" : "agent"),
      asked(id) {
        approvalId = id;
        run.asking.add(id);
        void parts.askingChanged(run);
        parts.emit(run, { type: "approval", approvalId: id, state: "requested" });
      },
      decide: () => decide(run, question),
    });
    const { decision: answered } = answer;
    if (run.asking.delete(approvalId)) {
      parts.emit(run, { type: "approval", approvalId, state: answered });
      await parts.askingChanged(run);
    }
    if (isSpawn.test(question.toolName) && answered.startsWith("allow")) {
      const { prompt } = (answer.input ?? question.input ?? {}) as { prompt?: unknown };
      if (typeof prompt === "string") run.spawnsAllowed.add(prompt);
    }
    // An agent that was told "always" would not ask again: then the rule could not be removed.
    if (answered === "allowAlways") return { ...answer, decision: "allowOnce" };
    return answered === "denyAlways" ? { ...answer, decision: "denyOnce" } : answer;
  }

  return (run, attempt) => ({
    permissionMode: strictestMode(permissionsOf(run)),
    ...materialOf(run),
    ask: (run.ask = (question, withdrawn) => ask(run, question, { attempt, withdrawn })),
    onMessage(take) {
      run.takeMessage = take;
    },
    onPause(pause) {
      run.pauseAtTurn = pause;
      if (run.pause !== undefined) pause();
    },
    adopt: (child) => adoption.adopt(run, child),
    describe({ title, model }) {
      const record = tree.find(run.sessionId);
      if (record === undefined || run.phase === "closed") return;
      const named = record.titleGiven === true ? "" : titleOf(title ?? "");
      if (model === undefined && named === "") return;
      const session = { ...record.session, ...(model !== undefined && { model }) };
      const fields = named === "" ? {} : { title: named };
      const next = transition(session, { type: "update", fields }, now());
      void tree.commit([{ records: [{ ...record, session: next }] }], { ifFailing: "keep" });
    },
    remembered: tree.find(run.sessionId)?.remembered ?? {},
    remember(name, value) {
      const record = tree.find(run.sessionId);
      if (record === undefined) return;
      const remembered = { ...record.remembered, [name]: value };
      void tree.commit([{ records: [{ ...record, remembered }] }], { ifFailing: "keep" });
    },
    toolServer: {
      command: selfCommand[0] ?? process.execPath,
      args: [...selfCommand.slice(1), "mcp"],
      env: {
        OFFSHOOT_RUN: run.runId,
        OFFSHOOT_SESSION: run.sessionId,
        OFFSHOOT_STATE_DIR: folder.dir,
      },
    },
  });
}
