/**
 * How every run ends, on every path: one transaction that holds the final state, the completion
 * with its number, the answer as a message, and the next run where messages wait for one. Clients
 * are notified only when that is on disk, and `subAgent/completed` is their last notification of it.
 */
import { v7 as newId } from "uuid";
import type { Completion } from "../../protocol/messages.ts";
import { isTerminal, type Message, type Session } from "../../protocol/session.ts";
import type { Clock } from "../base/clock.ts";
import { completionOf } from "../sessions/completion.ts";
import type { Ending } from "../sessions/endings.ts";
import type { News } from "../sessions/news.ts";
import type { StoredSession } from "../sessions/records.ts";
import type { Change } from "../sessions/change.ts";
import type { SessionTree } from "../sessions/sessionTree.ts";
import { transition } from "../sessions/transition.ts";

export interface EndOptions {
  /** Number of the last message that the run has read. */
  readUpTo?: number;
  /** Messages that came meanwhile get a run of their own. */
  freshRun?: "ifMessagesWait";
  /** Called synchronously, just before clients are notified of the end. */
  beforeNotifying?: () => void;
}

interface Parts {
  tree: SessionTree;
  clock: Clock;
  /** Number of the newest completion in the store. */
  last: number;
  sessionChanged: (sessionId: string) => void;
  queueUp: (record: StoredSession) => void;
}

export class Completions {
  readonly #parts: Parts;
  #given: number;
  #sent: number;
  #stored: number;

  constructor(parts: Parts) {
    this.#parts = parts;
    this.#given = parts.last;
    this.#sent = parts.last;
    this.#stored = parts.last;
  }

  /** The number of the newest completion that clients were notified of. */
  get sent(): number {
    return this.#sent;
  }

  /** The number of the newest completion that is stored: what clients may go on from. */
  get stored(): number {
    return this.#stored;
  }

  /** Ends the session's run. Resolves, when clients were notified, with whether the end is stored. */
  async end(sessionId: string, ending: Ending, options: EndOptions = {}): Promise<boolean> {
    const { tree, clock, sessionChanged, queueUp } = this.#parts;
    const at = clock.now();
    const { record, messages } = endedRecord(tree.get(sessionId), ending, options.readUpTo, at);
    this.#given += 1;
    const completion = completionOf(record.session, this.#given);
    record.completionSeq = completion.completionSeq;
    const changes: Change[] = [
      {
        records: [record],
        messages,
        completion,
        endedRun: completion.runId,
        last: (stored) => {
          this.#sent = completion.completionSeq;
          if (stored) this.#stored = completion.completionSeq;
          return [completedNews(record.session, { ...completion, stored })];
        },
      },
    ];
    const fresh = freshRun(record, options, at);
    if (fresh !== undefined) changes.push({ records: [fresh] });
    const stored = await tree.commit(changes, {
      ifFailing: "retry",
      ...(options.beforeNotifying && { beforeNotifying: options.beforeNotifying }),
      storedLater: () => {
        this.#stored = Math.max(this.#stored, completion.completionSeq);
        this.#markStored(record);
      },
    });
    const queued = fresh && tree.find(sessionId);
    if (queued !== undefined) queueUp(queued);
    sessionChanged(sessionId);
    return stored;
  }

  /** Clients were sent `stored: false`; they are notified that the end is stored after all. */
  #markStored(record: StoredSession): void {
    const { tree, clock } = this.#parts;
    const newest = tree.find(record.session.id);
    if (newest === undefined || newest.completionSeq !== record.completionSeq) return;
    if (!isTerminal(newest.session)) return;
    const session = transition(newest.session, { type: "stored" }, clock.now());
    // The store may fail again: then this change is sent as not stored too, and tried once more.
    void tree.commit([{ records: [{ ...newest, session }] }], {
      ifFailing: "retry",
      storedLater: () => this.#markStored(record),
    });
  }
}

function endedRecord(
  before: StoredSession,
  ending: Ending,
  readUpTo: number | undefined,
  at: number,
): { record: StoredSession; messages: { sessionId: string; message: Message }[] } {
  const session = transition(before.session, { type: "end", ...ending }, at);
  const { ending: _settled, cancelWish: _done, held: _gone, ...kept } = before;
  if (ending.status !== "completed" || readUpTo === undefined || !("runId" in session)) {
    return { record: { ...kept, session }, messages: [] };
  }
  const n = session.messageCount + 1;
  const text = ending.result ?? "";
  const message: Message = { n, at, role: "assistant", text, runId: session.runId };
  return {
    record: { ...kept, session: { ...session, messageCount: n }, unreadFrom: readUpTo + 1 },
    messages: [{ sessionId: session.id, message }],
  };
}

/** Without an answer in between, whatever came after the last message that was read is unread. */
function freshRun(
  record: StoredSession,
  options: EndOptions,
  at: number,
): StoredSession | undefined {
  if (options.freshRun === undefined || options.readUpTo === undefined) return undefined;
  const answer = record.session.status === "completed" ? 1 : 0;
  if (record.session.messageCount - answer <= options.readUpTo) return undefined;
  const session = transition(record.session, { type: "enqueue", runId: newId() }, at);
  return { ...record, session, started: false };
}

function completedNews(session: Session, completion: Completion): News {
  return { method: "subAgent/completed", params: completion, rootId: session.rootId };
}
