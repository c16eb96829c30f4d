/**
 * Decides what to read: the end first, more at either end when the reader comes near it, and
 * nothing else. Only one answer is waited for at a time; what is far out of sight is dropped.
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

export interface Reading {
  window(): EventWindow | undefined;
  /** There are events up to here. */
  news(lastSeq: number): void;
  take(read: Extract<ToPage, { type: "events" }>): void;
  failed(asked: number): void;
  /** Reads more where there is need; call it after drawing and when the reader has moved. */
  readMore(): void;
  jumpToEnd(): void;
  jumpTo(seq: number): void;
}

interface Parts {
  tell: (message: FromPage) => void;
  /** There is something else to draw. `isEarlier`: it was put before what was there. */
  changed: () => void;
  /** Whether the reader stays at the end, and is near to the end or beginning of what is there. */
  wants: () => { isFollowing: boolean; later: boolean; earlier: boolean };
}

/** Who follows and is further behind than this sees the end at once instead of all on the way. */
const mostBehind = 1_024;

export function createReading({ tell, changed, wants }: Parts): Reading {
  let window: EventWindow | undefined;
  // The answers to a page that was here before this one are none of ours.
  let asked = Date.now();
  let waiting: "later" | "earlier" | undefined;

  function ask(range: { after: number; limit: number }, end: "later" | "earlier"): void {
    asked += 1;
    waiting = end;
    tell({ type: "read", asked, ...range });
  }

  function replace(next: EventWindow): void {
    window = next;
    // The answer that is on its way is of another place.
    asked += 1;
    waiting = undefined;
    readMore();
  }

  function readMore(): void {
    if (window === undefined || waiting !== undefined) return;
    const { isFollowing, later, earlier } = wants();
    const isEmpty = window.events.length === 0;
    const isFarBehind = window.lastSeq - lastOf(window) > mostBehind;
    if (isFollowing && isFarBehind && !isEmpty) return replace(windowAtEnd(window.lastSeq));
    const range = isFollowing || later || isEmpty ? rangeLater(window) : undefined;
    if (range !== undefined) return ask(range, "later");
    const before = earlier ? rangeEarlier(window) : undefined;
    if (before !== undefined) ask(before, "earlier");
  }

  return {
    window: () => window,
    news(lastSeq) {
      if (window === undefined) return replace(windowAtEnd(lastSeq));
      window = { ...window, lastSeq: Math.max(window.lastSeq, lastSeq) };
      changed();
    },
    take(read) {
      if (window === undefined || read.asked !== asked) return;
      const end = waiting === "earlier" ? "last" : "first";
      waiting = undefined;
      window = trimmed(withEvents(window, read.events, read.lastSeq), end);
      changed();
    },
    failed(which) {
      if (which === asked) waiting = undefined;
    },
    readMore,
    jumpToEnd: () => replace(windowAtEnd(window?.lastSeq ?? 0)),
    jumpTo: (seq) => replace(windowAt(seq, Math.max(seq, window?.lastSeq ?? 0))),
  };
}
