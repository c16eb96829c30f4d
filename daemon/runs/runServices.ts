/** What the core offers to an agent while it runs: approvals, messages, adopted children, memory. */
import type { Permissions } from "../../protocol/config.ts";
import type { StateFolder } from "../base/stateFolder.ts";
import type { Approvals, Verdict } from "../permissions/approvals.ts";
import { permissionSets, permit, strictestMode } from "../permissions/rules.ts";
import type { StandingRules } from "../permissions/standingRules.ts";
import type { Catalogue } from "../profiles/catalogue.ts";
import type {
  AdoptedSession,
  ApprovalAnswer,
  ApprovalQuestion,
  RunContext,
} from "../runners/runner.ts";
import { titleOf } from "../sessions/newSession.ts";
import { transition } from "../sessions/transition.ts";
import type { AdoptedChildren } from "./adoptedChildren.ts";
import type { Engine } from "./engine.ts";
import type { Attempt, Run } from "./run.ts";
import { waitingChanged } from "./suspension.ts";

type Offered = Pick<
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
  engine: Engine;
  approvals: Approvals;
  rules: StandingRules;
  adopted: AdoptedChildren;
  folder: StateFolder;
  /** How to call `offshoot` itself. */
  selfCommand: readonly string[];
  /** What the configuration allows to everybody. */
  permissions: () => Permissions;
  /** What the agent of a session may read besides its prompt. */
  promptMaterial: Catalogue["promptMaterial"];
}

/** The tool of Offshoot's own server, however the agent names it. */
const isSpawn = /(^|_)spawn_agent$/;

/** A sub-agent that was announced after the end of the attempt is not shown. */
const tooLate: AdoptedSession = { emit() {}, addUsage() {}, end() {} };

export class RunServices {
  readonly #parts: Parts;

  constructor(parts: Parts) {
    this.#parts = parts;
  }

  /** What an agent may use during one attempt; nothing of this counts when the attempt is over. */
  of(run: Run, attempt: Attempt): Offered {
    const { engine, adopted, folder, selfCommand } = this.#parts;
    const { tree } = engine;
    const record = tree.find(run.sessionId);
    const isOver = () => attempt.over.aborted || run.isClosed;
    attempt.ask = (question, withdrawn) => this.#ask(run, attempt, question, withdrawn);
    return {
      permissionMode: strictestMode(this.#permissionsOf(run)),
      ...(record ? this.#parts.promptMaterial(record) : { skills: [], instructions: undefined }),
      ask: attempt.ask,
      onMessage(take) {
        attempt.takeMessage = take;
      },
      onPause(pause) {
        attempt.pauseAtTurn = pause;
        if (run.pause !== "no") pause();
      },
      adopt: (child) => (isOver() ? tooLate : adopted.adopt(run, child)),
      describe: (facts) => {
        if (!isOver()) this.#describe(run, facts);
      },
      remembered: record?.remembered ?? {},
      remember(name, value) {
        const newest = tree.find(run.sessionId);
        if (newest === undefined || isOver()) return;
        const remembered = { ...newest.remembered, [name]: value };
        void tree.commit([{ records: [{ ...newest, remembered }] }], { ifFailing: "retry" });
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
    };
  }

  #permissionsOf(run: Run): Permissions[] {
    const chain = [...this.#parts.engine.tree.upwards(run.sessionId)]
      .filter(({ profile }) => profile !== undefined)
      .reverse();
    return permissionSets(chain, this.#parts.permissions());
  }

  /** Permissions first: a stored rule takes the place of a person, and never of more. */
  #decide(run: Run, question: ApprovalQuestion): Verdict {
    const { rules } = this.#parts;
    const decision = permit(this.#permissionsOf(run), question);
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

  async #ask(
    run: Run,
    attempt: Attempt,
    question: ApprovalQuestion,
    withdrawn: AbortSignal | undefined,
  ): Promise<ApprovalAnswer> {
    const { engine, approvals } = this.#parts;
    const { decision, message } = this.#decide(run, question);
    if (decision === "allow") return { decision: "allowOnce" };
    if (decision === "deny") return { decision: "denyOnce", ...(message && { message }) };
    const { signal: stopped } = run.stop;
    const { over } = attempt;
    const ends = [stopped, over, ...(withdrawn === undefined ? [] : [withdrawn])];
    let approvalId = "";
    const answer = await approvals.ask({
      sessionId: run.sessionId,
      runId: run.runId,
      question,
      signal: AbortSignal.any(ends),
      endedBy: () => (stopped.aborted ? "run ended" : over.aborted ? "agent ended" : "agent"),
      asked(id) {
        approvalId = id;
        run.asking.add(id);
        void waitingChanged(run, engine);
        engine.events.emit(run, { type: "approval", approvalId: id, state: "requested" });
      },
      decide: () => this.#decide(run, question),
    });
    const { decision: answered } = answer;
    if (run.asking.delete(approvalId)) {
      engine.events.emit(run, { type: "approval", approvalId, state: answered });
      await waitingChanged(run, engine);
    }
    if (isSpawn.test(question.toolName) && answered.startsWith("allow")) {
      const { prompt } = (answer.input ?? question.input ?? {}) as { prompt?: unknown };
      if (typeof prompt === "string") run.spawnsAllowed.add(prompt);
    }
    // An agent that gets "always" would not ask again, and then the rule could not be removed.
    if (answered === "allowAlways") return { ...answer, decision: "allowOnce" };
    return answered === "denyAlways" ? { ...answer, decision: "denyOnce" } : answer;
  }

  #describe(run: Run, { title, model }: Parameters<RunContext["describe"]>[0]): void {
    const { tree, clock } = this.#parts.engine;
    const record = tree.find(run.sessionId);
    if (record === undefined) return;
    const named = record.titleGiven === true ? "" : titleOf(title ?? "");
    if (model === undefined && named === "") return;
    const session = { ...record.session, ...(model !== undefined && { model }) };
    const fields = named === "" ? {} : { title: named };
    const next = transition(session, { type: "update", fields }, clock.now());
    void tree.commit([{ records: [{ ...record, session: next }] }], { ifFailing: "retry" });
  }
}
