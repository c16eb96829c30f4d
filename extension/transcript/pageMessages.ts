/** The messages between a transcript page and the extension. */
import type { StoredEvent } from "../../protocol/events.ts";
import type { Approval, ApprovalDecision } from "../../protocol/approvals.ts";
import type { SessionStatus } from "../../protocol/session.ts";
import type { Ability } from "../sessions/abilities.ts";
import type { ShownState } from "../sessions/stateSigns.ts";

/** An event as the page gets it, with its longest texts cut. */
export interface ShownEvent extends StoredEvent {
  /** Characters of the whole texts that were cut; absent where none was. */
  wholeLength?: number;
}

export interface SentMessage {
  n: number;
  at: number;
  text: string;
}

export interface SessionLink {
  id: string;
  title: string;
  status: SessionStatus;
  sign: ShownState;
}

export interface HeadFacts {
  title: string;
  status: SessionStatus;
  sign: ShownState;
  /** The state in words, such as `queued, place 3`. */
  state: string;
  /** Agent, model, time and use, as far as they are known. */
  facts: string[];
  /** What the session does just now, or how it ended where the state does not say it. */
  detail: string;
  cwd: string;
  /** From the root to the parent. */
  path: SessionLink[];
  children: SessionLink[];
  isOpen: boolean;
  /** What can be done with the session itself. */
  abilities: readonly Ability[];
  /** A root holds sub-agents and has no runs. */
  isRoot: boolean;
  isGone: boolean;
}

export type ToPage = ToSessionPage | { type: "become"; sessionId: string };

export type ToSessionPage =
  | { type: "head"; head: HeadFacts }
  | { type: "messages"; messages: SentMessage[] }
  | { type: "approvals"; approvals: Approval[] }
  | { type: "news"; lastSeq: number }
  /** Answers `read`; with fewer events where they are large. */
  | { type: "events"; asked: number; events: ShownEvent[]; lastSeq: number }
  | { type: "readFailed"; asked: number; text: string }
  | { type: "said"; level: "info" | "error"; text: string }
  /** Answer `send`. */
  | { type: "sent"; text: string }
  | { type: "notSent"; text: string };

export type HeadCommand = "cancel" | "pause" | "resume" | "retry" | "exportTranscript";

export type FromPage =
  | { type: "ready" }
  /** The answer has the same number `asked`. */
  | { type: "read"; asked: number; after: number; limit: number }
  | { type: "send"; text: string }
  | { type: "do"; command: HeadCommand }
  /** The reader has begun to write: the page is no preview any more. */
  | { type: "keep" }
  | {
      type: "respond";
      answer: { approvalId: string; decision: ApprovalDecision; message?: string };
    }
  | { type: "openSession"; sessionId: string }
  | { type: "openFile"; path: string; line?: number; column?: number }
  | { type: "openLink"; url: string }
  | { type: "openEvent"; seq: number };

/** A message with its session: a panel may show one session after another. */
export interface PageMessage {
  of: string;
  message: FromPage;
}

/** What the editor keeps of a page that is hidden, and over a reload of the window. */
export interface PageState {
  sessionId: string;
  draft?: string;
  /** Number of the first visible event; absent where the reader was at the end. */
  seenSeq?: number;
}
