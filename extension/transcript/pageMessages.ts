/** What a transcript's page and the extension tell each other. */
import type { StoredEvent } from "../../protocol/events.ts";
import type { Approval, ApprovalDecision } from "../../protocol/approvals.ts";
import type { SessionStatus } from "../../protocol/session.ts";
import type { StateLook } from "../sessions/stateSigns.ts";

/** An event as the page gets it: its longest texts are cut. */
export interface ShownEvent extends StoredEvent {
  /** Characters that the texts have which were cut; absent: all of it is there. */
  wholeLength?: number;
}

/** What somebody wrote to the session. */
export interface SentMessage {
  n: number;
  at: number;
  text: string;
}

export interface SessionLink {
  id: string;
  title: string;
  status: SessionStatus;
  look: StateLook;
}

/** What the head of the page says of the session; words are ready to be shown. */
export interface HeadFacts {
  title: string;
  status: SessionStatus;
  look: StateLook;
  /** The state in words, such as `queued, place 3`. */
  state: string;
  /** Agent, model, time and what was used, without empty ones. */
  facts: string[];
  /** What it does just now, or how it ended where the state alone does not say it. */
  detail: string;
  cwd: string;
  /** From the root to the parent. */
  path: SessionLink[];
  children: SessionLink[];
  /** It has not ended. */
  isOpen: boolean;
  canCancel: boolean;
  canPause: boolean;
  canResume: boolean;
  canRunAgain: boolean;
  /** What an outside agent started, that agent alone can steer. */
  canSend: boolean;
  /** A root holds sub-agents and runs nothing itself. */
  isRoot: boolean;
  isGone: boolean;
}

export type ToPage =
  | ToSessionPage
  /** Show this session from now on. */
  | { type: "become"; sessionId: string };

export type ToSessionPage =
  | { type: "head"; head: HeadFacts }
  /** All of them, oldest first. */
  | { type: "messages"; messages: SentMessage[] }
  | { type: "approvals"; approvals: Approval[] }
  /** There are events up to here. */
  | { type: "news"; lastSeq: number }
  /** An answer to `read`; fewer than asked for where they are large. */
  | { type: "events"; asked: number; events: ShownEvent[]; lastSeq: number }
  | { type: "readFailed"; asked: number; text: string }
  | { type: "said"; level: "info" | "error"; text: string }
  /** What became of the message in the composer. */
  | { type: "sent"; text: string }
  | { type: "notSent"; text: string };

export type HeadCommand = "cancel" | "pause" | "resume" | "retry" | "exportTranscript";

export type Decision = ApprovalDecision;

export type FromPage =
  | { type: "ready" }
  /** `asked` is a number that the answer bears. */
  | { type: "read"; asked: number; after: number; limit: number }
  | { type: "send"; text: string }
  /** What the buttons of the head do, by the names of the commands. */
  | { type: "do"; command: HeadCommand }
  /** The reader has begun to write: the page is not only for a glance any more. */
  | { type: "keep" }
  | { type: "respond"; answer: { approvalId: string; decision: Decision; message?: string } }
  | { type: "openSession"; sessionId: string }
  | { type: "openFile"; path: string; line?: number; column?: number }
  | { type: "openLink"; url: string }
  /** Shows one event with all of its text. */
  | { type: "openEvent"; seq: number };

/** As the extension gets it: a panel may show one session after the other. */
export interface PageMessage {
  /** The session of the page that says it. */
  of: string;
  message: FromPage;
}

/** What the editor keeps of a page while it is hidden, and over a reload of the window. */
export interface PageState {
  sessionId: string;
  draft?: string;
  /** Number of the first event in sight; absent: the reader was at the end. */
  seenSeq?: number;
}
