/**
 * The window: the events of a session that a page holds, without gaps. It grows at the end to which
 * the reader scrolls, and shrinks at the other one. Pure.
 */
import type { SentMessage, ShownEvent } from "./pageMessages.ts";

/** Events are dropped by pages, and output is split into blocks by pages, so that blocks stay whole. */
const pageLength = 256;

export const windowBounds = { events: 6 * pageLength, characters: 4_000_000 };

export interface EventWindow {
  /** In order and without a gap. */
  events: ShownEvent[];
  /** Number of the event before the first one in the window. */
  before: number;
  /** Number of the session's last event, as far as it is known. */
  lastSeq: number;
}

/** The page of an event, counted from 0. */
export function pageOf(seq: number): number {
  return Math.floor((seq - 1) / pageLength);
}

/** An empty window that begins with the page of an event. */
export function windowAt(seq: number, lastSeq: number): EventWindow {
  return { events: [], before: Math.max(0, pageOf(seq)) * pageLength, lastSeq };
}

/** An empty window that begins one to two pages before the end. */
export function windowAtEnd(lastSeq: number): EventWindow {
  return windowAt(Math.max(1, lastSeq - pageLength), lastSeq);
}

export function lastOf({ events, before }: EventWindow): number {
  return events.at(-1)?.seq ?? before;
}

export function isAtEnd(window: EventWindow): boolean {
  return lastOf(window) >= window.lastSeq;
}

type EventRange = { after: number; limit: number };

/** The next events to read; undefined at the end. */
export function rangeLater(window: EventWindow): EventRange | undefined {
  if (isAtEnd(window)) return undefined;
  const after = lastOf(window);
  return { after, limit: pageLength - (after % pageLength) + pageLength };
}

/** The previous events to read; undefined at the start. */
export function rangeEarlier({ before }: EventWindow): EventRange | undefined {
  if (before === 0) return undefined;
  return { after: Math.max(0, before - pageLength), limit: Math.min(pageLength, before) };
}

/** The window with the events that were read, as far as they are adjacent to it. */
export function withEvents(
  window: EventWindow,
  read: readonly ShownEvent[],
  lastSeq: number,
): EventWindow {
  const known = Math.max(window.lastSeq, lastSeq);
  const last = lastOf(window);
  const later = read.filter(({ seq }) => seq > last);
  if (later[0]?.seq === last + 1) {
    return { ...window, events: [...window.events, ...later], lastSeq: known };
  }
  const earlier = read.filter(({ seq }) => seq <= window.before);
  const [first] = earlier;
  if (first !== undefined && earlier.at(-1)?.seq === window.before) {
    const events = [...earlier, ...window.events];
    return { events, before: first.seq - 1, lastSeq: known };
  }
  return { ...window, lastSeq: known };
}

/** The window within the bounds: drops whole pages at one end, but never the last page. */
export function trimmed(
  window: EventWindow,
  end: "first" | "last",
  bounds = windowBounds,
): EventWindow {
  let { events } = window;
  let characters = sizeOf(events);
  while (events.length > bounds.events || characters > bounds.characters) {
    const edge = end === "first" ? events[0] : events.at(-1);
    const page = pageOf(edge?.seq ?? 1);
    const kept = events.filter(({ seq }) => pageOf(seq) !== page);
    if (kept.length === 0) break;
    events = kept;
    characters = sizeOf(events);
  }
  const [first] = events;
  return { ...window, events, before: first === undefined ? window.before : first.seq - 1 };
}

/** The messages that were sent in the time of the events in the window. */
export function messagesWithin(
  window: EventWindow,
  messages: readonly SentMessage[],
): SentMessage[] {
  const { events, before } = window;
  const from = before === 0 ? -Infinity : (events[0]?.at ?? Infinity);
  const to = isAtEnd(window) ? Infinity : (events.at(-1)?.at ?? -Infinity);
  return messages.filter(({ at }) => at > from && at <= to);
}

const sizes = new WeakMap<ShownEvent, number>();

/** Characters of JSON, counted once for each event. */
function sizeOf(events: readonly ShownEvent[]): number {
  let sum = 0;
  for (const shown of events) {
    const size = sizes.get(shown) ?? JSON.stringify(shown.event).length;
    sizes.set(shown, size);
    sum += size;
  }
  return sum;
}
