/**
 * How every run ends, on every path: one transaction that holds the final state, the completion
 * with its number, the answer as a message, and the next run where messages wait for one. Only
 * when that is on disk do clients hear of it, and `subAgent/completed` is the last they hear.
 */
import { v7 as newId } from "uuid";
import type { Completion } from "../../protocol/messages.ts";
import { isTerminal, type Message, type Session } from "../../protocol/session.ts";
import type { Ending } from "../sessions/endings.ts";
import type { News } from "../sessions/news.ts";
import type { Change, SessionTree } from "../sessions/sessionTree.ts";
import type { StoredSession } from "../sessions/records.ts";
import { transition } from "../sessions/transition.ts";

export interface EndOptions {
  /** Number of the last message that the run has read. */
  readUpTo?: number;
  /** Messages that came meanwhile get a run of their own. */
  freshRun?: "ifMessagesWait";
  /** Called in the same breath before clients hear of the end. */
  beforeTelling?: () => void;
}

export interface Completions {
  /** Ends the session's run. Answers when it is told, with whether it is stored. */
  end(sessionId: string, ending: Ending, options?: EndOptions): Promise<boolean>;
  /** The number of the newest completion that was told. */
  readonly told: number;
  /** The same of those that are stored: what clients may go on from. */
  readonly stored: number;
}

interface Parts {
  tree: SessionTree;
  now: () => number;
  /** Number of the newest completion in the store. */
  last: number;
  /** Called when a run has ended and clients were told. `queued`: a fresh run waits. */
  ended: (session: Session, fresh: StoredSession | undefined) => void;
}

export function createCompletions({ tree, now, last, ended }: Parts): Completions {
  let given = last;
  let told = last;
  let storedSeq = last;

  return {
    get told() {
      return told;
    },
    get stored() {
      return storedSeq;
    },
    async end(sessionId, ending, options = {}) {
      const at = now();
      const { record, messages } = endedRecord(tree.get(sessionId), ending, options.readUpTo, at);
      given += 1;
      const completion = completionOf(record.session, given);
      record.completionSeq = given;
      const changes: Change[] = [
        {
          records: [record],
          messages,
          completion,
          endedRun: completion.runId,
          last: (stored) => {
            told = completion.completionSeq;
            if (stored) storedSeq = completion.completionSeq;
            return [completedNews(record.session, { ...completion, stored })];
          },
        },
      ];
      const fresh = freshRun(record, options, at);
      if (fresh !== undefined) changes.push({ records: [fresh] });
      const stored = await tree.commit(changes, {
        ifFailing: "keep",
        ...(options.beforeTelling && { beforeTelling: options.beforeTelling }),
        storedLater: () => {
          storedSeq = Math.max(storedSeq, completion.completionSeq);
          markStored(record);
        },
      });
      ended(record.session, fresh);
      return stored;
    },
  };

  /** Clients were told `stored: false`; now they hear that it is stored after all. */
  function markStored(record: StoredSession): void {
    const newest = tree.find(record.session.id);
    if (newest === undefined || newest.completionSeq !== record.completionSeq) return;
    if (!isTerminal(newest.session)) return;
    const session = transition(newest.session, { type: "stored" }, now());
    // The store may just be recovering: then this is told as not stored too, and tried once more.
    void tree.commit([{ records: [{ ...newest, session }] }], {
      ifFailing: "keep",
      storedLater: () => markStored(record),
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

/** What `subAgent/completed` says of an ended session; also the answer of `session/wait`. */
export function completionOf(session: Session, completionSeq: number): Completion {
  if (!isTerminal(session)) throw new Error(`session ${session.id} has not ended`);
  const { runId, attempt, status, error, result, reason, stored } = session;
  return {
    parentSessionId: session.parentId ?? "",
    childSessionId: session.id,
    runId,
    attempt,
    completionSeq,
    status,
    ...(error !== undefined && { error }),
    ...(result !== undefined && { result }),
    ...(reason !== undefined && { reason }),
    usage: session.usage,
    stored,
  };
}

function completedNews(session: Session, completion: Completion): News {
  return { method: "subAgent/completed", params: completion, rootId: session.rootId };
}
