/** Runs inside the transcript's web view: puts the parts of the page together. */
import type { Approval } from "../../protocol/approvals.ts";
import { blocksOf } from "../transcript/blocks.ts";
import { isAtEnd, lastOf, messagesWithin } from "../transcript/eventWindow.ts";
import type {
  FromPage,
  HeadFacts,
  PageState,
  SentMessage,
  ToPage,
} from "../transcript/pageMessages.ts";
import { approvalTray } from "./transcript/approvalTray.ts";
import { composer } from "./transcript/composer.ts";
import { createFeed } from "./transcript/feed.ts";
import { emptyText, endingOf, headView } from "./transcript/headView.ts";
import type { PageContext } from "./transcript/pageContext.ts";
import { createReading } from "./transcript/reading.ts";

interface Editor {
  postMessage(message: FromPage): void;
  getState(): PageState | undefined;
  setState(state: PageState): void;
}

declare function acquireVsCodeApi(): Editor;

/** So near to the end, in pixels, counts as being there. */
const nearEnd = 40;
/** Approvals whose titles are kept after they were answered. */
const mostApprovals = 200;

const editor = acquireVsCodeApi();
const earlier = editor.getState();
const sessionId =
  document.querySelector<HTMLMetaElement>("meta[name=offshoot-session]")?.content ?? "";
const approvals = new Map<string, Approval>();
let head: HeadFacts | undefined;
let messages: SentMessage[] = [];
/** The reader is at the end and stays there. */
let isFollowing = earlier?.seenSeq === undefined;
/** Where the reader was before the page was made anew. */
let wantedSeq = earlier?.seenSeq;
let drawing: number | undefined;
let isToStart = false;

const tell = (message: FromPage) => editor.postMessage(message);
const context: PageContext = {
  tell,
  unfolded: new Set(),
  resized: moved,
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
const feed = createFeed({ context, scrolled: moved, jumpToEnd, jumpToStart });
const top = headView(context);
const tray = approvalTray(context);
const writing = composer({ tell, changed: keepState, leave: () => feed.focus() });

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

/** The reader has moved, or something has become longer under the reader's hands. */
function moved(): void {
  const events = reading.window();
  if (events === undefined || wantedSeq !== undefined) return;
  const isThere = isAtEnd(events) && feed.room().below < nearEnd;
  if (isThere !== isFollowing) {
    isFollowing = isThere;
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

function keepState(): void {
  const seenSeq = isFollowing ? undefined : feed.seenSeq();
  const draft = writing.draft();
  editor.setState({
    sessionId,
    ...(draft !== "" && { draft }),
    ...(seenSeq !== undefined && { seenSeq }),
  });
}

function receive(message: ToPage): void {
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

document.body.append(top.element, feed.element, tray.element, writing.element);
if (earlier?.draft !== undefined) writing.setDraft(earlier.draft);
editor.setState({ ...earlier, sessionId });
window.addEventListener("message", ({ data }: MessageEvent<ToPage>) => receive(data));
// The tray or the composer has become higher, or the window smaller.
new ResizeObserver(() => {
  if (isFollowing) feed.scrollToEnd();
}).observe(feed.element);
tell({ type: "ready" });
