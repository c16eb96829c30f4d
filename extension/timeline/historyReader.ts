/**
 * Reads the stored events of sessions for the timeline: those of the visible lanes, a page of each in
 * turn. Live sessions are read again every second. Only what the timeline needs is kept, and a
 * bounded part of what is no longer visible.
 */
import type { ParamsOf, ResultOf } from "../../protocol/messages.ts";
import type { Session } from "../../protocol/session.ts";
import { isLive } from "../../protocol/states.ts";
import { noHistory, withEvents, withSession, type SessionHistory } from "./history.ts";

interface Options {
  events: (params: ParamsOf<"session/events">) => Promise<ResultOf<"session/events">>;
  onRead: (sessionId: string) => void;
  onError: (sessionId: string, error: unknown) => void;
}

/** Events that are read of one session; the timeline shows no later ones. */
export const mostEvents = 100_000;
const pageSize = 1_000;
const atOnce = 4;
const readAgainMs = 1_000;
/** Tool calls that are kept of all lanes that are not visible. */
const mostKeptTools = 50_000;

export class HistoryReader {
  readonly #options: Options;
  readonly #histories = new Map<string, SessionHistory>();
  readonly #sessions = new Map<string, Session>();
  readonly #reading = new Set<string>();
  #visible = new Set<string>();
  #queue: string[] = [];
  #timer: NodeJS.Timeout | undefined;

  constructor(options: Options) {
    this.#options = options;
  }

  historyOf(sessionId: string): SessionHistory | undefined {
    return this.#histories.get(sessionId);
  }

  /** Takes a newer header of a session. */
  takeSession(session: Session): void {
    const { id } = session;
    this.#sessions.set(id, session);
    this.#histories.set(id, withSession(this.#histories.get(id) ?? noHistory, session));
    if (this.#visible.has(id) && this.#isBehind(id)) this.#read([id]);
  }

  forget(sessionId: string): void {
    this.#sessions.delete(sessionId);
    this.#histories.delete(sessionId);
    this.#visible.delete(sessionId);
  }

  /** Reads these sessions and no others. */
  setVisible(sessionIds: readonly string[]): void {
    this.#visible = new Set(sessionIds);
    this.#read(sessionIds.filter((id) => this.#isBehind(id)));
  }

  /** Resolves when all stored events were read, up to the bound. */
  async readAll(sessionIds: readonly string[], onRead: (done: number) => void): Promise<void> {
    for (const [place, sessionId] of sessionIds.entries()) {
      while (this.#isBehind(sessionId) && (await this.#readPage(sessionId)));
      onRead(place + 1);
    }
  }

  dispose(): void {
    clearTimeout(this.#timer);
    this.#visible = new Set();
    this.#queue = [];
  }

  #isBehind(sessionId: string): boolean {
    const lastSeq = this.#sessions.get(sessionId)?.lastSeq ?? 0;
    const readUpTo = this.#histories.get(sessionId)?.readUpTo ?? 0;
    return readUpTo < Math.min(lastSeq, mostEvents);
  }

  async #readPage(sessionId: string): Promise<boolean> {
    const after = this.#histories.get(sessionId)?.readUpTo ?? 0;
    const page = await this.#options.events({ sessionId, after, limit: pageSize });
    const session = this.#sessions.get(sessionId);
    const last = page.events.at(-1);
    if (session === undefined || last === undefined) return false;
    const known = this.#histories.get(sessionId) ?? noHistory;
    this.#histories.set(sessionId, withEvents(known, page.events));
    if (page.lastSeq > session.lastSeq) {
      this.#sessions.set(sessionId, { ...session, lastSeq: page.lastSeq });
    }
    this.#options.onRead(sessionId);
    return last.seq < Math.min(page.lastSeq, mostEvents);
  }

  #read(sessionIds: readonly string[]): void {
    const all = new Set([...this.#queue, ...sessionIds]);
    this.#queue = [...all].filter((id) => this.#visible.has(id));
    this.#readQueue();
  }

  #readQueue(): void {
    while (this.#reading.size < atOnce) {
      const sessionId = this.#queue.find((id) => !this.#reading.has(id));
      if (sessionId === undefined) break;
      this.#queue = this.#queue.filter((id) => id !== sessionId);
      this.#reading.add(sessionId);
      void this.#readPage(sessionId)
        .then((hasMore) => {
          if (hasMore && this.#visible.has(sessionId)) this.#queue.push(sessionId);
        })
        .catch((error: unknown) => this.#options.onError(sessionId, error))
        .finally(() => {
          this.#reading.delete(sessionId);
          this.#readQueue();
        });
    }
    if (this.#queue.length === 0 && this.#reading.size === 0) this.#rest();
  }

  #rest(): void {
    this.#forgetSome();
    clearTimeout(this.#timer);
    const live = [...this.#visible].filter((id) => {
      const session = this.#sessions.get(id);
      const isFull = (this.#histories.get(id)?.readUpTo ?? 0) >= mostEvents;
      return session !== undefined && isLive(session) && !isFull;
    });
    if (live.length > 0) this.#timer = setTimeout(() => this.#read(live), readAgainMs);
  }

  /** Forgets the events that were read first; the facts of the headers stay. */
  #forgetSome(): void {
    let kept = 0;
    for (const [id, history] of [...this.#histories].reverse()) {
      if (this.#visible.has(id)) continue;
      const tools = history.runs.reduce((sum, run) => sum + run.tools.length, 0);
      kept += tools;
      const session = this.#sessions.get(id);
      if (kept <= mostKeptTools || tools === 0 || session === undefined) continue;
      this.#histories.set(id, withSession(noHistory, session));
    }
  }
}
