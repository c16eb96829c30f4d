/** Reads parts of a session from the daemon: events, messages, and whole texts. */
import type { AgentEvent, StoredEvent } from "../../protocol/events.ts";
import type { ResultOf } from "../../protocol/messages.ts";
import type { Caller } from "../daemon/daemonClient.ts";
import type { SentMessage, ShownEvent } from "./pageMessages.ts";
import { blobOf, cutText, mapTexts, shownEvent } from "./shownEvents.ts";

const pageLength = 1000;
const mostOfMessage = 16 * 1024;

export class SessionReader {
  readonly #client: Caller;
  readonly #sessionId: string;
  readonly #sent: SentMessage[] = [];
  #lastRead = 0;
  #cursor: string | undefined;
  #reading: Promise<unknown> = Promise.resolve();

  constructor(client: Caller, sessionId: string) {
    this.#client = client;
    this.#sessionId = sessionId;
  }

  /** The events after a number: `limit` of them, or all there are. */
  async events(after: number, limit: number): Promise<{ events: ShownEvent[]; lastSeq: number }> {
    const events: ShownEvent[] = [];
    for (let from = after; ;) {
      const page = await this.#page(from, Math.min(pageLength, limit - events.length));
      events.push(...page.events.map(shownEvent));
      from = events.at(-1)?.seq ?? from;
      const isAll = events.length >= limit || from >= page.lastSeq || page.events.length === 0;
      if (isAll) return { events, lastSeq: page.lastSeq };
    }
  }

  /** All events with their whole texts, page by page. */
  async *allEvents(): AsyncGenerator<{ events: StoredEvent[]; lastSeq: number }> {
    for (let after = 0; ;) {
      const page = await this.#page(after, pageLength);
      const events: StoredEvent[] = [];
      for (const stored of page.events) events.push(await this.#withBlobs(stored));
      yield { events, lastSeq: page.lastSeq };
      after = events.at(-1)?.seq ?? page.lastSeq;
      if (after >= page.lastSeq) return;
    }
  }

  /** The messages that were sent to the session, oldest first; later calls read only new ones. */
  sentMessages(): Promise<SentMessage[]> {
    const next = this.#reading.then(() => this.#readMessages());
    this.#reading = next.catch(() => undefined);
    return next;
  }

  /** One event with its whole texts; undefined where there is none with that number. */
  async wholeEvent(seq: number): Promise<StoredEvent | undefined> {
    const [stored] = (await this.#page(seq - 1, 1)).events;
    return stored?.seq === seq ? await this.#withBlobs(stored) : undefined;
  }

  #page(after: number, limit: number) {
    return this.#client.call("session/events", { sessionId: this.#sessionId, after, limit });
  }

  async #readMessages(): Promise<SentMessage[]> {
    for (;;) {
      const page = await this.#client.call("session/messages", {
        sessionId: this.#sessionId,
        limit: pageLength,
        ...(this.#cursor !== undefined && { cursor: this.#cursor }),
      });
      for (const { n, at, role, text } of page.messages) {
        if (n <= this.#lastRead) continue;
        this.#lastRead = n;
        // The agent's own messages are events.
        if (role === "user") this.#sent.push({ n, at, text: cutText(text, mostOfMessage) });
      }
      // The last page is read again next time, because it may have grown.
      if (page.nextCursor === undefined) return [...this.#sent];
      this.#cursor = page.nextCursor;
    }
  }

  async #withBlobs(stored: StoredEvent): Promise<StoredEvent> {
    const blobs = new Map<string, string>();
    mapTexts(stored.event, (text) => {
      const blobId = blobOf(text);
      if (blobId !== undefined) blobs.set(blobId, "");
      return text;
    });
    for (const blobId of blobs.keys()) blobs.set(blobId, await this.#blobText(blobId));
    const event = mapTexts(stored.event, (text) => blobs.get(blobOf(text) ?? "") ?? text);
    return { ...stored, event: event as AgentEvent };
  }

  async #blobText(blobId: string): Promise<string> {
    const sessionId = this.#sessionId;
    let text = "";
    for (let offset: number | undefined = 0; offset !== undefined;) {
      const part: ResultOf<"session/blob"> = await this.#client.call("session/blob", {
        ...{ sessionId, blobId, offset },
      });
      text += part.text;
      offset = part.nextOffset;
    }
    return text;
  }
}
