/**
 * The only interface between the scheduler and what executes a run. The scheduler knows nothing of
 * what is behind it; a runner knows nothing of queues, slots, the store or clients.
 */
import type { AgentProfile, PermissionMode } from "../../protocol/config.ts";
import type { AgentEvent } from "../../protocol/events.ts";
import type { RunOutcome } from "../sessions/endings.ts";
import type { Activity, Limits, Session, Usage } from "../../protocol/session.ts";
import type { ProcessRecord } from "../processes/processes.ts";

/** The attempt ended between two turns, because the run was to pause there. */
export interface Paused {
  status: "paused";
}

/** The kind of a tool, as the Agent Client Protocol names it; rules use it. */
export type ToolKind =
  "read" | "edit" | "delete" | "move" | "search" | "execute" | "think" | "fetch" | "other";

/** A question whether the agent may do something. */
export interface ApprovalQuestion {
  toolName: string;
  kind: ToolKind;
  /** Readable, one line. */
  title: string;
  /** The input of the tool; a diff for edits, the command line for commands. */
  input: unknown;
  toolUseId?: string;
  /** The path, command or address that rules are matched against. */
  subject?: string;
}

export interface ApprovalAnswer {
  decision: "allowOnce" | "allowAlways" | "denyOnce" | "denyAlways" | "expired";
  /** The input to use instead. */
  input?: unknown;
  /** Why it was denied, for the agent to read. */
  message?: string;
}

/** A sub-agent that an outside agent started by itself: shown as a child session of the run. */
export interface AdoptedChild {
  /** The tool call that started it; the same id finds the same session. */
  toolUseId: string;
  /** The tool call of the sub-agent that started this one; absent or unknown: the run itself. */
  parentToolUseId?: string;
  title: string;
  prompt: string;
}

export interface AdoptedSession {
  emit(event: AgentEvent): void;
  addUsage(more: Partial<Usage>): void;
  end(outcome: RunOutcome): void;
}

/** Instructions for one kind of work, which an agent reads when it fits. */
export interface SkillFile {
  name: string;
  description: string;
  /** Path of its SKILL.md. */
  file: string;
}

/** Everything that one attempt of a run is given. */
export interface RunContext {
  readonly session: Session;
  readonly runId: string;
  readonly attempt: number;
  /** The messages that no run has read yet, joined by blank lines, oldest first. */
  readonly prompt: string;
  /**
   * Only where the run continues after a pause: the messages since the pause, perhaps none. An
   * agent without memory of its session needs `prompt`.
   */
  readonly sincePause?: string;
  /** The session's agent with the spawn's overrides; `profile.runner` is the runner's own part. */
  readonly profile: AgentProfile;
  readonly limits: Limits;
  /** The mode that decides without a rule: the strictest one between the root and the session. */
  readonly permissionMode: PermissionMode;
  /**
   * Skills, and the text of the nearest AGENTS.md, for an agent that does not look for them itself.
   * Those of a workspace are included only where it is trusted.
   */
  readonly skills: readonly SkillFile[];
  readonly instructions: string | undefined;
  /** Absolute, exists: the folder to work in. */
  readonly cwd: string;
  /** The core's state folder, and a folder for files of this run (not made yet). */
  readonly stateDir: string;
  readonly runDir: string;
  /** The environment a process of this run starts from: the allow list and the run's mark. */
  readonly environment: Record<string, string>;
  /**
   * TERM is sent `termAfterMs` after the agent was asked to end, where it can be asked; KILL
   * `killAfterMs` after TERM.
   */
  readonly grace: { termAfterMs: number; killAfterMs: number };
  /** Aborted when the run has to end: end everything within the grace, then return. */
  readonly signal: AbortSignal;

  /** Numbers and stores an event and notifies clients, in the order of the calls. Never throws. */
  emit(event: AgentEvent): void;
  /** Resolves when the store has caught up; wait for it before reading more from a fast agent. */
  ready(): Promise<void>;
  /** Whether the run may take one more turn; after its last turn the agent should end by itself. */
  hasTurnLeft(): boolean;
  /**
   * Begins a turn of the model, which counts against the budget until `addUsage` counts it. Where
   * the budget has no other turn the run ends, and this answers `false`.
   */
  beginTurn(): boolean;
  /** Adds to what the session and every session above it have used; over budget, the run ends. */
  addUsage(more: Partial<Usage>): void;
  /**
   * Decides by the rules and, where they say so, by asking a person. Resolves with `expired` when
   * the run has to end first, or when `withdrawn` is aborted. Meanwhile the run is suspended and
   * keeps its slot.
   */
  ask(question: ApprovalQuestion, withdrawn?: AbortSignal): Promise<ApprovalAnswer>;
  /**
   * Sets the taker of messages that come during the run. The taker returns whether the agent gets
   * the message in this run, and calls `read` when the agent has read this message and all earlier
   * ones: a message that was taken and not read goes to the next run.
   */
  onMessage(take: (text: string, read: () => void) => "injected" | "queued"): void;
  /**
   * `pause` is called when the run shall pause, at once where that was wanted before: the runner
   * returns `paused` when the next turn would begin. A last turn ends the run as usual.
   */
  onPause(pause: () => void): void;
  /** Shows a sub-agent of an outside agent. Ended with its run at the latest. */
  adopt(child: AdoptedChild): AdoptedSession;
  /** Sets what the agent says of its own session; a title that the spawn gave is kept. */
  describe(facts: { title?: string; model?: string }): void;
  /** Values that are stored with the session, over restarts, such as the agent's own session id. */
  readonly remembered: Readonly<Record<string, string>>;
  remember(name: string, value: string): void;
  /** How to start the MCP server with the sub-agent tools, bound to this session. */
  readonly toolServer: { command: string; args: string[]; env: Record<string, string> };
  /** Sets what the run does now, for people; sent with the heartbeats. */
  setActivity(activity: Activity): void;
  /** Called once per process of the run, so that a later core can end it. */
  processStarted(process: ProcessRecord): void;
  /**
   * Called with the outcome when the program or turn has ended by itself: from here on a cancel
   * comes too late. Ends what the run left behind, then resolves. `leaving` settles when the agent
   * has ended what it could by itself; nothing is searched for before.
   */
  ended(outcome: RunOutcome, leaving?: Promise<unknown>): Promise<void>;
}

export interface Runner {
  /** Executes one attempt. A rejection counts as the error `internal`. */
  run(context: RunContext): Promise<RunOutcome | Paused>;
  /** Whether an agent has turns to pause at; absent where no agent has. */
  readonly canPause?: (profile: AgentProfile) => boolean;
}
