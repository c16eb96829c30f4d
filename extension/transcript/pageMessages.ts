/** The messages between a transcript page and the extension. */
import type { StoredEvent } from "../../protocol/events.ts";
import type { Approval, ApprovalDecision } from "../../protocol/approvals.ts";
import type { SessionStatus } from "../../protocol/session.ts";
import type { ShownState } from "../sessions/stateSigns.ts";

/** An event as the page gets it, with its longest texts cut. */
export interface ShownEvent extends StoredEvent {
  /** Characters of the whole texts that were cut; absent where none was. */
  wholeLength?: number;
}

/** A message that was sent to the session. */
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

/** What the head of the page shows. */
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
  /** The session has not ended. */
  isOpen: boolean;
  canCancel: boolean;
  canPause: boolean;
  canResume: boolean;
  canRunAgain: boolean;
  /** False for a session that an outside agent started. */
  canSend: boolean;
  /** A root holds sub-agents and has no runs. */
  isRoot: boolean;
  isGone: boolean;
}

export type ToPage =
  | ToSessionPage
  /** The page shows this session from now on. */
  | { type: "become"; sessionId: string };

export type ToSessionPage =
  | { type: "head"; head: HeadFacts }
  /** All messages, oldest first. */
  | { type: "messages"; messages: SentMessage[] }
  | { type: "approvals"; approvals: Approval[] }
  /** The number of the last event. */
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
  /** A button of the head was pressed. */
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
  /** Opens one event with its whole text. */
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
