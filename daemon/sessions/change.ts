/** What the tree of sessions is given: changes to commit, facts of live runs, places in the queue. */
import type { Completion } from "../../protocol/messages.ts";
import type { Activity, Message } from "../../protocol/session.ts";
import type { News } from "./news.ts";
import type { StoredSession } from "./records.ts";

/** What changes too often to be stored: clients see these facts of a live run over its record. */
export interface LiveFacts {
  lastHeartbeatAt: number;
  lastProgressAt: number;
  activity?: Activity;
}

/** One change of one or more sessions. Several changes can be stored as a whole, see `commit`. */
export interface Change {
  records: StoredSession[];
  messages?: { sessionId: string; message: Message }[];
  completion?: Completion;
  endedRun?: string;
  /** Notifications before the session/changed of the records. */
  first?: News[];
  /** Notifications after them. */
  last?: (stored: boolean) => News[];
}

export interface CommitOptions {
  /**
   * When the store fails: `retry` notifies with stored: false and tries again until the changes are
   * stored; `refuse` takes them back, for requests that have not been answered yet.
   */
  ifFailing: "retry" | "refuse";
  /** `lazy`: a power cut may take it; default `durable`. */
  durability?: "durable" | "lazy";
  /** Called synchronously, just before clients are notified. */
  beforeNotifying?: (stored: boolean) => void;
  /** Called when changes that were notified of as not stored are on disk after all. */
  storedLater?: () => void;
}

/** What the tree has to know of the queue. */
export interface QueuePlaces {
  /** Counts a session that is being stored for the bounds of the queue. */
  expect(sessionId: string, rootId: string): void;
  remove(sessionId: string): boolean;
  /** 1 is next; undefined where the session is not in the queue. */
  position(sessionId: string): number | undefined;
}
