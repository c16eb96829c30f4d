/** One session's transcript in the page: puts its parts together, and keeps the reader's place. */
import type { Approval } from "../../../protocol/approvals.ts";
import { blocksOf } from "../../transcript/blocks.ts";
import { isAtEnd, lastOf, messagesWithin } from "../../transcript/eventWindow.ts";
import type {
  FromPage,
  HeadFacts,
  PageState,
  SentMessage,
  ToSessionPage,
} from "../../transcript/pageMessages.ts";
import { approvalTray } from "./approvalTray.ts";
import { composer } from "./composer.ts";
import { createFeed } from "./feed.ts";
import { emptyText, endingOf, headView } from "./headView.ts";
import type { PageContext } from "./pageContext.ts";
import { createReading } from "./reading.ts";

export interface SessionPage {
  elements: HTMLElement[];
  receive(message: ToSessionPage): void;
  close(): void;
}

interface Parts {
  tell: (message: FromPage) => void;
  /** How the reader has left it, where the page was made anew. */
  earlier: PageState | undefined;
  remember: (state: Omit<PageState, "sessionId">) => void;
}

/** So near to the end, in pixels, counts as being there. */
const nearEnd = 40;
/** Approvals whose titles are kept after they were answered. */
const mostApprovals = 200;

export function openSessionPage({ tell, earlier, remember }: Parts): SessionPage {
  const approvals = new Map<string, Approval>();
  let head: HeadFacts | undefined;
  let messages: SentMessage[] = [];
  /** The reader is at the end and stays there. */
  let isFollowing = earlier?.seenSeq === undefined;
  /** Where the reader was before the page was made anew. */
  let wantedSeq = earlier?.seenSeq;
  /** Pixels above of what was in sight when it scrolled last. */
  let lastAbove = 0;
  let drawing: number | undefined;
  let isToStart = false;
  /** It has said that it is not only for a glance. */
  let isKept = false;

  const context: PageContext = {
    tell,
    unfolded: new Set(),
    resized: grown,
    child: (id) => head?.children.find((child) => child.id === id),
    approval: (id) => approvals.get(id),
  };
  const reading = createReading({
    tell,
    changed: draw,
    wants() {
      const { above, below } = feed.room();
      const near = 1.5 * window.innerHeight;
      return { isFollowing, later: below < near, earlier: above < near && wantedSeq === undefined };
    },
  });
  const feed = createFeed({ context, scrolled, jumpToEnd, jumpToStart });
  const top = headView(context);
  const tray = approvalTray(context);
  const writing = composer({ tell, changed: written, leave: () => feed.focus() });

  function draw(): void {
    drawing ??= requestAnimationFrame(drawNow);
  }

  function drawNow(): void {
    drawing = undefined;
    const events = reading.window();
    if (events === undefined) return;
    const shown = messagesWithin(events, messages);
    const isEnd = isAtEnd(events);
    const goesOn = !isEnd || head?.isOpen !== false;
    const blocks = blocksOf({ events: events.events, messages: shown, goesOn });
    feed.setEnding(isEnd && head !== undefined ? endingOf(head) : undefined);
    if (head !== undefined) feed.setEmptyText(emptyText(head));
    feed.show(blocks, isToStart ? "start" : isFollowing ? "end" : "kept");
    if (events.events.length > 0) {
      isToStart = false;
      if (wantedSeq !== undefined) feed.scrollToSeq(wantedSeq);
      wantedSeq = undefined;
    }
    feed.setMissed(isFollowing ? undefined : events.lastSeq - lastOf(events));
    reading.readMore();
  }

  /**
   * The page has scrolled. Whoever follows does so until the reader goes up: a tray that closes and
   * text that grows scroll too, and new events may not be read yet.
   */
  function scrolled(): void {
    const { above, below } = feed.room();
    const isUp = above < lastAbove;
    lastAbove = above;
    follow(isFollowing ? !isUp || below < nearEnd : below < nearEnd && isAllRead());
  }

  /** Something has become longer under the reader's hands, who wants to see it. */
  function grown(): void {
    follow(feed.room().below < nearEnd && (isFollowing || isAllRead()));
  }

  function isAllRead(): boolean {
    const events = reading.window();
    return events !== undefined && isAtEnd(events);
  }

  function follow(wanted: boolean): void {
    const events = reading.window();
    if (events === undefined || wantedSeq !== undefined) return;
    if (wanted !== isFollowing) {
      isFollowing = wanted;
      feed.setMissed(isFollowing ? undefined : events.lastSeq - lastOf(events));
    }
    reading.readMore();
    keepState();
  }

  function jumpToEnd(): void {
    isFollowing = true;
    const events = reading.window();
    if (events === undefined || !isAtEnd(events)) reading.jumpToEnd();
    draw();
  }

  function jumpToStart(): void {
    isFollowing = false;
    isToStart = true;
    if (reading.window()?.before !== 0) reading.jumpTo(1);
    draw();
  }

  function written(): void {
    if (!isKept && writing.draft() !== "") {
      isKept = true;
      tell({ type: "keep" });
    }
    keepState();
  }

  function keepState(): void {
    const seenSeq = isFollowing ? undefined : feed.seenSeq();
    const draft = writing.draft();
    remember({
      ...(draft !== "" && { draft }),
      ...(seenSeq !== undefined && { seenSeq }),
    });
  }

  function receive(message: ToSessionPage): void {
    switch (message.type) {
      case "head":
        head = message.head;
        top.update(head);
        writing.update(head);
        return draw();
      case "messages":
        messages = message.messages;
        return draw();
      case "approvals":
        for (const approval of message.approvals) approvals.set(approval.id, approval);
        for (const id of [...approvals.keys()].slice(0, -mostApprovals)) approvals.delete(id);
        tray.update(message.approvals);
        return draw();
      case "news":
        reading.news(message.lastSeq);
        if (wantedSeq !== undefined && reading.window()?.events.length === 0)
          reading.jumpTo(wantedSeq);
        return;
      case "events":
        return reading.take(message);
      case "readFailed":
        reading.failed(message.asked);
        return writing.say(message.text, "error");
      case "sent":
        return writing.sent(message.text);
      case "notSent":
        return writing.notSent(message.text);
      case "said":
        return writing.say(message.text, message.level);
    }
  }

  // The tray or the composer has become higher, or the window smaller.
  const sizes = new ResizeObserver(() => {
    if (isFollowing) feed.scrollToEnd();
  });
  sizes.observe(feed.element);
  if (earlier?.draft !== undefined) writing.setDraft(earlier.draft);
  return {
    elements: [top.element, feed.element, tray.element, writing.element],
    receive,
    close() {
      sizes.disconnect();
      if (drawing !== undefined) cancelAnimationFrame(drawing);
    },
  };
}
