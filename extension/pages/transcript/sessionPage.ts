/** The transcript of one session: connects the parts of the page, and keeps the reader's place. */
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
import { EventLoader } from "./eventLoader.ts";
import { Feed } from "./feed.ts";
import { emptyText, endingOf, headView } from "./headView.ts";
import type { PageContext } from "./pageContext.ts";

interface Options {
  post: (message: FromPage) => void;
  /** The state of the page when it was shown before. */
  earlier: PageState | undefined;
  keepState: (state: Omit<PageState, "sessionId">) => void;
}

/** A reader is at the end when no more pixels than this are below. */
const nearEnd = 40;
/** Approvals whose titles are kept after they were answered. */
const mostApprovals = 200;

export class SessionPage {
  readonly elements: HTMLElement[];
  readonly #options: Options;
  readonly #approvals = new Map<string, Approval>();
  readonly #loader: EventLoader;
  readonly #head;
  readonly #feed: Feed;
  readonly #tray;
  readonly #composer;
  readonly #resizes: ResizeObserver;
  #facts: HeadFacts | undefined;
  #messages: SentMessage[] = [];
  /** The reader is at the end and stays there. */
  #isFollowing: boolean;
  /** Number of the first event to show again after a reload. */
  #restoredSeq: number | undefined;
  /** Pixels above the visible part after the last scrolling. */
  #lastAbove = 0;
  #drawing: number | undefined;
  #isToStart = false;
  /** The extension knows that the page is no preview any more. */
  #isKept = false;

  constructor(options: Options) {
    const { post, earlier } = options;
    this.#options = options;
    this.#isFollowing = earlier?.seenSeq === undefined;
    this.#restoredSeq = earlier?.seenSeq;
    const context: PageContext = {
      post,
      unfolded: new Set(),
      onResize: () => this.#resized(),
      child: (id) => this.#facts?.children.find((child) => child.id === id),
      approval: (id) => this.#approvals.get(id),
    };
    this.#loader = new EventLoader({
      post,
      onChange: () => this.#drawSoon(),
      reader: () => this.#reader(),
    });
    this.#feed = new Feed({
      context,
      onScroll: () => this.#scrolled(),
      jumpToEnd: () => this.#jumpToEnd(),
      jumpToStart: () => this.#jumpToStart(),
    });
    this.#head = headView(context);
    this.#tray = approvalTray(context);
    this.#composer = composer({
      post,
      onChange: () => this.#draftChanged(),
      leave: () => this.#feed.focus(),
    });
    // The height of the feed changes with the tray, the composer and the window.
    this.#resizes = new ResizeObserver(() => {
      if (this.#isFollowing) this.#feed.scrollToEnd();
    });
    this.#resizes.observe(this.#feed.element);
    if (earlier?.draft !== undefined) this.#composer.setDraft(earlier.draft);
    const parts = [this.#head, this.#feed, this.#tray, this.#composer];
    this.elements = parts.map(({ element }) => element);
  }

  receive(message: ToSessionPage): void {
    switch (message.type) {
      case "head":
        this.#facts = message.head;
        this.#head.update(message.head);
        this.#composer.update(message.head);
        return this.#drawSoon();
      case "messages":
        this.#messages = message.messages;
        return this.#drawSoon();
      case "approvals": {
        const known = this.#approvals;
        for (const approval of message.approvals) known.set(approval.id, approval);
        for (const id of [...known.keys()].slice(0, -mostApprovals)) known.delete(id);
        this.#tray.update(message.approvals);
        return this.#drawSoon();
      }
      case "news":
        this.#loader.setLastSeq(message.lastSeq);
        if (this.#restoredSeq !== undefined && this.#loader.window?.events.length === 0) {
          this.#loader.jumpTo(this.#restoredSeq);
        }
        return;
      case "events":
        return this.#loader.take(message);
      case "readFailed":
        this.#loader.failed(message.asked);
        return this.#composer.say(message.text, "error");
      case "sent":
        return this.#composer.sent(message.text);
      case "notSent":
        return this.#composer.notSent(message.text);
      case "said":
        return this.#composer.say(message.text, message.level);
    }
  }

  close(): void {
    this.#resizes.disconnect();
    if (this.#drawing !== undefined) cancelAnimationFrame(this.#drawing);
  }

  #reader() {
    const { above, below } = this.#feed.room();
    const near = 1.5 * window.innerHeight;
    return {
      isFollowing: this.#isFollowing,
      nearEnd: below < near,
      nearStart: above < near && this.#restoredSeq === undefined,
    };
  }

  #drawSoon(): void {
    this.#drawing ??= requestAnimationFrame(() => this.#draw());
  }

  #draw(): void {
    this.#drawing = undefined;
    const events = this.#loader.window;
    const facts = this.#facts;
    if (events === undefined) return;
    const messages = messagesWithin(events, this.#messages);
    const isEnd = isAtEnd(events);
    const goesOn = !isEnd || facts?.isOpen !== false;
    const blocks = blocksOf({ events: events.events, messages, goesOn });
    this.#feed.setEnding(isEnd && facts !== undefined ? endingOf(facts) : undefined);
    if (facts !== undefined) this.#feed.setEmptyText(emptyText(facts));
    this.#feed.show(blocks, this.#isToStart ? "start" : this.#isFollowing ? "end" : "kept");
    if (events.events.length > 0) {
      this.#isToStart = false;
      if (this.#restoredSeq !== undefined) this.#feed.scrollToSeq(this.#restoredSeq);
      this.#restoredSeq = undefined;
    }
    this.#showMissed();
    this.#loader.loadMore();
  }

  #showMissed(): void {
    const events = this.#loader.window;
    if (events === undefined) return;
    this.#feed.setMissed(this.#isFollowing ? undefined : events.lastSeq - lastOf(events));
  }

  /**
   * A reader who follows stops only by scrolling up: the page also scrolls when the tray closes and
   * when text grows, and new events may not be loaded yet.
   */
  #scrolled(): void {
    const { above, below } = this.#feed.room();
    const isUp = above < this.#lastAbove;
    this.#lastAbove = above;
    const isNear = below < nearEnd;
    this.#follow(this.#isFollowing ? !isUp || isNear : isNear && this.#isAllLoaded());
  }

  /** The reader has unfolded a block and wants to see it. */
  #resized(): void {
    const isNear = this.#feed.room().below < nearEnd;
    this.#follow(isNear && (this.#isFollowing || this.#isAllLoaded()));
  }

  #isAllLoaded(): boolean {
    const events = this.#loader.window;
    return events !== undefined && isAtEnd(events);
  }

  #follow(isFollowing: boolean): void {
    if (this.#loader.window === undefined || this.#restoredSeq !== undefined) return;
    if (isFollowing !== this.#isFollowing) {
      this.#isFollowing = isFollowing;
      this.#showMissed();
    }
    this.#loader.loadMore();
    this.#keepState();
  }

  #jumpToEnd(): void {
    this.#isFollowing = true;
    if (!this.#isAllLoaded()) this.#loader.jumpToEnd();
    this.#drawSoon();
  }

  #jumpToStart(): void {
    this.#isFollowing = false;
    this.#isToStart = true;
    if (this.#loader.window?.before !== 0) this.#loader.jumpTo(1);
    this.#drawSoon();
  }

  #draftChanged(): void {
    if (!this.#isKept && this.#composer.draft() !== "") {
      this.#isKept = true;
      this.#options.post({ type: "keep" });
    }
    this.#keepState();
  }

  #keepState(): void {
    const seenSeq = this.#isFollowing ? undefined : this.#feed.seenSeq();
    const draft = this.#composer.draft();
    this.#options.keepState({
      ...(draft !== "" && { draft }),
      ...(seenSeq !== undefined && { seenSeq }),
    });
  }
}
