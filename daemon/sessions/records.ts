/** The records of the core, as they are stored in the values of the rows. */
import type { Approval, ApprovalRule } from "../../protocol/approvals.ts";
import type { AgentProfile, Config, Permissions } from "../../protocol/config.ts";
import type { StoredEvent } from "../../protocol/events.ts";
import type { Completion } from "../../protocol/messages.ts";
import type { Message, Session } from "../../protocol/session.ts";
import type { RunOutcome } from "./endings.ts";

/** What is stored of a session: what clients see, and what only the core needs. */
export interface StoredSession {
  session: Session;
  /** The idempotency key that it was spawned with. */
  requestKey?: string;
  /** Higher runs first. */
  priority: number;
  /** The agent with the spawn's overrides, as it was when the session was queued. */
  profile?: AgentProfile;
  /** The spawn named a runner of its own: later runs keep it, whatever the agent has by then. */
  ownRunner?: true;
  /** What the spawn took away from the permissions of its agent. */
  narrowing?: Permissions;
  /** The configuration that it inherits from its spawn, beyond the user's own. */
  setup?: InheritedConfig;
  /** Its spawner trusts this workspace, whose files count for the session and those below it. */
  workspace?: TrustedWorkspace;
  /** A person or a program gave it its title; what its agent calls it does not replace that. */
  titleGiven?: true;
  /** Number of the first message that no run has read. */
  unreadFrom: number;
  /** Number of the completion of its last run, where that one has ended. */
  completionSeq?: number;
  /** Whether clients were notified of the start of its last run. */
  started?: boolean;
  /** How its live run has ended by itself, while its leftover processes are still being ended. */
  ending?: RunOutcome;
  /** Somebody cancelled its subtree, which has not ended yet. */
  cancelWish?: CancelWish;
  /** Its run was paused at a turn; the run continues, or has continued, from there. */
  held?: HeldRun;
  /** What its agent wants kept over runs and restarts, such as an id of its own. */
  remembered?: Record<string, string>;
  /** Children that it ever had, removed ones included. */
  childCount: number;
}

export interface TrustedWorkspace {
  /** Nothing above this folder counts; absent: the top of the workspace is not known. */
  top?: string;
}

/** What a workspace or a client configured; sessions that are spawned inside the run inherit it. */
export interface InheritedConfig {
  permissions?: Permissions;
  providers?: Config["providers"];
  defaultModel?: string;
}

export interface HeldRun {
  /** Number of the last message that its agent has read. */
  upTo: number;
  /** Time and turns that count for its limits. */
  ranMs: number;
  turns: number;
}

export interface CancelWish {
  by: "parent" | "user";
  reason?: string;
}

/** A process of a run, as a later core needs it to end what a dead core left behind. */
export interface StoredProcess {
  runId: string;
  pid: number;
  /** Start time as the system gives it, so that a reused pid is never taken for the process. */
  startTime: string;
}

/** One part of a text that was too large for its event. Parts count from 0. */
export interface BlobPart {
  sessionId: string;
  blobId: string;
  part: number;
  text: string;
}

/** One change of the store: all of it is on disk or nothing, whatever happens. */
export interface StoreWrite {
  headers?: StoredSession[];
  events?: { sessionId: string; event: StoredEvent }[];
  messages?: { sessionId: string; message: Message }[];
  completion?: Completion;
  blobs?: BlobPart[];
  processes?: StoredProcess[];
  /** Runs that have ended: their process rows are removed. */
  endedRuns?: string[];
  approvals?: Approval[];
  /** Approvals that were answered or have expired: their rows are removed. */
  endedApprovals?: string[];
  /** Made, or used once more. */
  approvalRules?: ApprovalRule[];
  removedApprovalRules?: string[];
  /** Values by name, see `Store.getMeta`. */
  metadata?: Record<string, unknown>;
  /** `lazy` writes keep their order too, but only a power cut may take the newest of them. */
  durability: Durability;
}

export type Durability = "durable" | "lazy";

/** A stored row whose value cannot be used. */
export interface UnreadableRow {
  key: string;
  cause: string;
}

export interface WriteOptions {
  /**
   * What happens to the mutation when the file or the disk fails. `retry` (the default): the store
   * tries again until it is stored. `refuse`: it is dropped, for requests that can be refused.
   */
  ifFailing?: "retry" | "refuse";
  /**
   * Called once, in the order of the calls to `write` over all mutations: with true after the
   * commit that holds this one, with false when the store could not take it (now).
   */
  decided?: (stored: boolean) => void;
  /** Called once when a mutation that was answered as not stored is on disk after all. */
  storedLater?: () => void;
}

/** The cause is a sentence for people: which file, what is wrong with it, and what to do. */
export type StoreHealth = { ok: true } | { ok: false; cause: string };

/** Whatever stores changes: the store, as the tree of sessions sees it. */
export interface SessionWriter {
  readonly health: StoreHealth;
  /** Stores one change as a whole; resolves with whether the change is stored. */
  write(write: StoreWrite, options?: WriteOptions): Promise<boolean>;
  /** Removes sessions with all of their rows; `removed` is called with those that are gone. */
  deleteSessions(
    sessionIds: string[],
    removed: (sessionIds: readonly string[]) => void,
  ): Promise<void>;
}
