/** What the core offers to an agent while it runs: approvals, messages, adopted children, memory. */
import type { Permissions } from "../protocol/config.ts";
import type { AgentEvent } from "../protocol/events.ts";
import { isLive } from "../protocol/session.ts";
import type { Adoption } from "./adoption.ts";
import type { Approvals } from "./approvals.ts";
import type { LiveRun } from "./life.ts";
import { permit } from "./permissions.ts";
import type { ApprovalAnswer, ApprovalQuestion, RunContext } from "./runners/runner.ts";
import type { SessionTree } from "./sessions.ts";
import type { StateFolder } from "./stateFolder.ts";
import { transition } from "./transition.ts";

export type AgentServices = Pick<
  RunContext,
  "ask" | "onMessage" | "adopt" | "describe" | "remembered" | "remember" | "toolServer"
>;

interface Parts {
  tree: SessionTree;
  approvals: Approvals;
  adoption: Adoption;
  folder: StateFolder;
  /** How to call `offshoot` itself. */
  selfCommand: readonly string[];
  /** What the configuration allows to everybody. */
  permissions: () => Permissions;
  emit: (run: LiveRun, event: AgentEvent) => void;
  now: () => number;
}

export function createAgentServices(parts: Parts): (run: LiveRun) => AgentServices {
  const { tree, approvals, adoption, folder, selfCommand, now } = parts;
  const asking = new WeakMap<LiveRun, Set<string>>();

  function permissionsOf(run: LiveRun): Permissions[] {
    const everybody = parts.permissions();
    const sets: Permissions[] = [];
    for (let id: string | null = run.sessionId; id !== null;) {
      const record = tree.find(id);
      const own = record?.profile?.permissions;
      if (own !== undefined) sets.push({ mode: everybody.mode ?? "ask", ...own });
      id = record?.session.parentId ?? null;
    }
    // Nobody gets more than the configuration gives to everybody; "auto" takes nothing away.
    return sets.length === 0 ? [everybody] : [{ mode: "auto", ...everybody }, ...sets];
  }

  async function ask(
    run: LiveRun,
    question: ApprovalQuestion,
    withdrawn: AbortSignal | undefined,
  ): Promise<ApprovalAnswer> {
    const decision = permit(permissionsOf(run), question);
    if (decision === "allow") return { decision: "allowOnce" };
    if (decision === "deny") {
      return { decision: "denyOnce", message: "the permissions of this session do not allow it" };
    }
    const ids = asking.get(run) ?? new Set<string>();
    asking.set(run, ids);
    let approvalId = "";
    const ends = [run.controller.signal, ...(withdrawn === undefined ? [] : [withdrawn])];
    const signal = AbortSignal.any(ends);
    const answer = await approvals.ask(run, question, signal, (id) => {
      approvalId = id;
      ids.add(id);
      waitForPeople(run, [...ids]);
      parts.emit(run, { type: "approval", approvalId: id, state: "requested" });
    });
    ids.delete(approvalId);
    waitForPeople(run, [...ids]);
    parts.emit(run, { type: "approval", approvalId, state: answer.decision });
    return answer;
  }

  /** Waiting for people keeps the slot, since the agent's process lives on; its time stands still. */
  function waitForPeople(run: LiveRun, ids: string[]): void {
    const record = tree.find(run.sessionId);
    if (record === undefined || run.phase === "closed" || !isLive(record.session)) return;
    const isWaiting = ids.length > 0;
    if (!isWaiting && record.session.status !== "suspended") return;
    if (isWaiting) run.watchdog?.suspend();
    else run.watchdog?.wake();
    const waitingFor = { kind: "approval", ids } as const;
    const move = isWaiting
      ? ({ type: "suspend", waitingFor } as const)
      : ({ type: "wake" } as const);
    const session = transition(record.session, move, now());
    void tree.commit([{ records: [{ ...record, session }] }], { ifFailing: "keep" });
  }

  return (run) => ({
    ask: (question, withdrawn) => ask(run, question, withdrawn),
    onMessage(take) {
      run.takeMessage = take;
    },
    adopt: (child) => adoption.adopt(run, child),
    describe({ model }) {
      const record = tree.find(run.sessionId);
      if (record === undefined || model === undefined || run.phase === "closed") return;
      const session = { ...record.session, model };
      const next = transition(session, { type: "update", fields: {} }, now());
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
