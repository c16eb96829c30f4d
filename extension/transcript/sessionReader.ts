/** Reads parts of a session from the daemon: events, messages, and whole texts. */
import type { AgentEvent, StoredEvent } from "../../protocol/events.ts";
import type { Caller } from "../daemon/daemonClient.ts";
import type { SentMessage, ShownEvent } from "./pageMessages.ts";
import { blobOf, cutText, mapTexts, shownEvent } from "./shownEvents.ts";

/** The largest page that the core gives. */
const pageLength = 1000;
const mostOfMessage = 16 * 1024;

export interface SessionReader {
  /** The events after a number: `limit` of them, or all there are. */
  events(after: number, limit: number): Promise<{ events: ShownEvent[]; lastSeq: number }>;
  /** All events with their whole texts, page by page. */
  allEvents(): AsyncGenerator<{ events: StoredEvent[]; lastSeq: number }>;
  /** The messages that were sent to the session, oldest first; later calls read only new ones. */
  sentMessages(): Promise<SentMessage[]>;
  /** One event with its whole texts; undefined where there is none with that number. */
  wholeEvent(seq: number): Promise<StoredEvent | undefined>;
}

export function createSessionReader(client: Caller, sessionId: string): SessionReader {
  const sent: SentMessage[] = [];
  let lastRead = 0;
  let cursor: string | undefined;
  let reading: Promise<unknown> = Promise.resolve();

  async function readMessages(): Promise<SentMessage[]> {
    for (;;) {
      const page = await client.call("session/messages", {
        sessionId,
        limit: pageLength,
        ...(cursor !== undefined && { cursor }),
      });
      for (const { n, at, role, text } of page.messages) {
        if (n <= lastRead) continue;
        lastRead = n;
        // The agent's own messages are events.
        if (role === "user") sent.push({ n, at, text: cutText(text, mostOfMessage) });
      }
      // The last page is read again next time, because it may have grown.
      if (page.nextCursor === undefined) return [...sent];
      cursor = page.nextCursor;
    }
  }

  async function blobText(blobId: string): Promise<string> {
    let text = "";
    for (let offset: number | undefined = 0; offset !== undefined;) {
      const part: { text: string; nextOffset?: number | undefined } = await client.call(
        "session/blob",
        { sessionId, blobId, offset },
      );
      text += part.text;
      offset = part.nextOffset;
    }
    return text;
  }

  async function withBlobs(stored: StoredEvent): Promise<StoredEvent> {
    const blobs = new Map<string, string>();
    const find = (text: string) => {
      const blobId = blobOf(text);
      if (blobId !== undefined) blobs.set(blobId, "");
      return text;
    };
    mapTexts(stored.event, find);
    for (const blobId of blobs.keys()) blobs.set(blobId, await blobText(blobId));
    const event = mapTexts(stored.event, (text) => blobs.get(blobOf(text) ?? "") ?? text);
    return { ...stored, event: event as AgentEvent };
  }

  return {
    async events(after, limit) {
      const events: ShownEvent[] = [];
      for (let from = after; ;) {
        const page = await client.call("session/events", {
          sessionId,
          after: from,
          limit: Math.min(pageLength, limit - events.length),
        });
        events.push(...page.events.map(shownEvent));
        from = events.at(-1)?.seq ?? from;
        const isAll = events.length >= limit || from >= page.lastSeq || page.events.length === 0;
        if (isAll) return { events, lastSeq: page.lastSeq };
      }
    },
    async *allEvents() {
      for (let after = 0; ;) {
        const page = await client.call("session/events", { sessionId, after, limit: pageLength });
        const events: StoredEvent[] = [];
        for (const stored of page.events) events.push(await withBlobs(stored));
        yield { events, lastSeq: page.lastSeq };
        after = events.at(-1)?.seq ?? page.lastSeq;
        if (after >= page.lastSeq) return;
      }
    },
    sentMessages() {
      const next = reading.then(readMessages);
      reading = next.catch(() => undefined);
      return next;
    },
    async wholeEvent(seq) {
      const page = await client.call("session/events", { sessionId, after: seq - 1, limit: 1 });
      const [stored] = page.events;
      return stored?.seq === seq ? await withBlobs(stored) : undefined;
    },
  };
}
