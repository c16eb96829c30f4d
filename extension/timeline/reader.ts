/**
 * Reads the stored events of sessions on demand: those of the lanes in sight, page by page and in
 * turns, so that each of them shows something soon. What runs is asked again every second. Only
 * what the picture needs is kept, and not of everything that was ever in sight.
 */
import type { ParamsOf, ResultOf } from "../../protocol/messages.ts";
import type { Session } from "../../protocol/session.ts";
import { isLive } from "../../protocol/states.ts";
import { noHistory, withEvents, withSession, type SessionHistory } from "./history.ts";

export interface HistoryReader {
  historyOf(sessionId: string): SessionHistory | undefined;
  /** A newer header: what it says of the run is kept. */
  note(session: Session): void;
  forget(sessionId: string): void;
  /** These are in sight, and nothing else is. */
  want(sessionIds: readonly string[]): void;
  /** Resolves when all that is stored was read, or the bound was reached. */
  readAll(sessionIds: readonly string[], read: (done: number) => void): Promise<void>;
  dispose(): void;
}

interface Parts {
  events: (params: ParamsOf<"session/events">) => Promise<ResultOf<"session/events">>;
  onRead: (sessionId: string) => void;
  onError: (sessionId: string, error: unknown) => void;
}

/** Events of one session that are read: the rest of a longer one is not in the picture. */
export const mostEvents = 100_000;
const pageSize = 1_000;
const atOnce = 4;
const askAgainMs = 1_000;
/** Tool calls that are kept of all lanes that are not in sight. */
const mostKeptTools = 50_000;

export function createHistoryReader({ events, onRead, onError }: Parts): HistoryReader {
  const histories = new Map<string, SessionHistory>();
  const sessions = new Map<string, Session>();
  let wanted = new Set<string>();
  let queue: string[] = [];
  const reading = new Set<string>();
  let timer: NodeJS.Timeout | undefined;

  function isBehind(sessionId: string): boolean {
    const lastSeq = sessions.get(sessionId)?.lastSeq ?? 0;
    const readUpTo = histories.get(sessionId)?.readUpTo ?? 0;
    return readUpTo < Math.min(lastSeq, mostEvents);
  }

  /** Answers whether there may be more of it. */
  async function readPage(sessionId: string): Promise<boolean> {
    const after = histories.get(sessionId)?.readUpTo ?? 0;
    const page = await events({ sessionId, after, limit: pageSize });
    const session = sessions.get(sessionId);
    const last = page.events.at(-1);
    if (session === undefined || last === undefined) return false;
    const known = histories.get(sessionId) ?? noHistory;
    histories.set(sessionId, withEvents(known, page.events));
    if (page.lastSeq > session.lastSeq) {
      sessions.set(sessionId, { ...session, lastSeq: page.lastSeq });
    }
    onRead(sessionId);
    return last.seq < Math.min(page.lastSeq, mostEvents);
  }

  function pump(): void {
    while (reading.size < atOnce) {
      const sessionId = queue.find((id) => !reading.has(id));
      if (sessionId === undefined) break;
      queue = queue.filter((id) => id !== sessionId);
      reading.add(sessionId);
      void readPage(sessionId)
        .then((hasMore) => hasMore && wanted.has(sessionId) && queue.push(sessionId))
        .catch((error: unknown) => onError(sessionId, error))
        .finally(() => {
          reading.delete(sessionId);
          pump();
        });
    }
    if (queue.length === 0 && reading.size === 0) rest();
  }

  function rest(): void {
    forgetSome();
    clearTimeout(timer);
    const live = [...wanted].filter((id) => {
      const session = sessions.get(id);
      const isFull = (histories.get(id)?.readUpTo ?? 0) >= mostEvents;
      return session !== undefined && isLive(session) && !isFull;
    });
    if (live.length > 0) timer = setTimeout(() => ask(live), askAgainMs);
  }

  function ask(sessionIds: readonly string[]): void {
    queue = [...new Set([...queue, ...sessionIds])].filter((id) => wanted.has(id));
    pump();
  }

  /** Those that were read first go first; what their headers say is kept. */
  function forgetSome(): void {
    let kept = 0;
    for (const [id, history] of [...histories].reverse()) {
      if (wanted.has(id)) continue;
      const tools = history.runs.reduce((sum, run) => sum + run.tools.length, 0);
      kept += tools;
      const session = sessions.get(id);
      if (kept <= mostKeptTools || tools === 0 || session === undefined) continue;
      histories.set(id, withSession(noHistory, session));
    }
  }

  return {
    historyOf: (sessionId) => histories.get(sessionId),
    note(session) {
      sessions.set(session.id, session);
      histories.set(session.id, withSession(histories.get(session.id) ?? noHistory, session));
      if (wanted.has(session.id) && isBehind(session.id)) ask([session.id]);
    },
    forget(sessionId) {
      sessions.delete(sessionId);
      histories.delete(sessionId);
      wanted.delete(sessionId);
    },
    want(sessionIds) {
      wanted = new Set(sessionIds);
      ask(sessionIds.filter(isBehind));
    },
    async readAll(sessionIds, read) {
      for (const [place, sessionId] of sessionIds.entries()) {
        while (isBehind(sessionId) && (await readPage(sessionId)));
        read(place + 1);
      }
    },
    dispose() {
      clearTimeout(timer);
      wanted = new Set();
      queue = [];
    },
  };
}
