/**
 * Loads events: first the end of the session, then more at the end to which the reader scrolls. Only
 * one request is open at a time. Events far from the visible part are dropped.
 */
import {
  lastOf,
  rangeEarlier,
  rangeLater,
  trimmed,
  windowAt,
  windowAtEnd,
  withEvents,
  type EventWindow,
} from "../../transcript/eventWindow.ts";
import type { FromPage, ToPage } from "../../transcript/pageMessages.ts";

interface Options {
  post: (message: FromPage) => void;
  onChange: () => void;
  /** Whether the reader stays at the end, and near which ends of the window the reader is. */
  reader: () => { isFollowing: boolean; nearEnd: boolean; nearStart: boolean };
}

/** A reader who follows and is further behind than this gets the end without what is before. */
const mostBehind = 1_024;

export class EventLoader {
  readonly #options: Options;
  #window: EventWindow | undefined;
  // Answers to a page that was loaded before this one have smaller numbers.
  #asked = Date.now();
  #waiting: "later" | "earlier" | undefined;

  constructor(options: Options) {
    this.#options = options;
  }

  get window(): EventWindow | undefined {
    return this.#window;
  }

  setLastSeq(lastSeq: number): void {
    if (this.#window === undefined) return this.#replace(windowAtEnd(lastSeq));
    this.#window = { ...this.#window, lastSeq: Math.max(this.#window.lastSeq, lastSeq) };
    this.#options.onChange();
  }

  take(read: Extract<ToPage, { type: "events" }>): void {
    if (this.#window === undefined || read.asked !== this.#asked) return;
    const end = this.#waiting === "earlier" ? "last" : "first";
    this.#waiting = undefined;
    this.#window = trimmed(withEvents(this.#window, read.events, read.lastSeq), end);
    this.#options.onChange();
  }

  failed(asked: number): void {
    if (asked === this.#asked) this.#waiting = undefined;
  }

  /** Requests more events where they are needed: after drawing, and when the reader has scrolled. */
  loadMore(): void {
    const window = this.#window;
    if (window === undefined || this.#waiting !== undefined) return;
    const { isFollowing, nearEnd, nearStart } = this.#options.reader();
    const isEmpty = window.events.length === 0;
    const isFarBehind = window.lastSeq - lastOf(window) > mostBehind;
    if (isFollowing && isFarBehind && !isEmpty) return this.#replace(windowAtEnd(window.lastSeq));
    const later = isFollowing || nearEnd || isEmpty ? rangeLater(window) : undefined;
    if (later !== undefined) return this.#request(later, "later");
    const earlier = nearStart ? rangeEarlier(window) : undefined;
    if (earlier !== undefined) this.#request(earlier, "earlier");
  }

  jumpToEnd(): void {
    this.#replace(windowAtEnd(this.#window?.lastSeq ?? 0));
  }

  jumpTo(seq: number): void {
    this.#replace(windowAt(seq, Math.max(seq, this.#window?.lastSeq ?? 0)));
  }

  #request(range: { after: number; limit: number }, end: "later" | "earlier"): void {
    this.#asked += 1;
    this.#waiting = end;
    this.#options.post({ type: "read", asked: this.#asked, ...range });
  }

  #replace(next: EventWindow): void {
    this.#window = next;
    // An answer that is still expected belongs to the window before.
    this.#asked += 1;
    this.#waiting = undefined;
    this.loadMore();
  }
}
