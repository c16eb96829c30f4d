/** The blocks in their order. Elements of known blocks stay, and so does the reader's place. */
import type { Block } from "../../transcript/block.ts";
import { blockView, type BlockView } from "./blockViews.ts";
import { button, element, setHidden, setText } from "../elements/dom.ts";
import type { PageContext } from "./pageContext.ts";

export interface Feed {
  element: HTMLElement;
  show(blocks: readonly Block[], place: "end" | "kept" | "start"): void;
  /** The text that is shown where there are no blocks. */
  setEmptyText(text: string): void;
  /** How many events are not loaded; undefined where the reader is at the end. */
  setMissed(count: number | undefined): void;
  setEnding(node: HTMLElement | undefined): void;
  /** Pixels above and below the visible part. */
  room(): { above: number; below: number };
  scrollToEnd(): void;
  scrollToSeq(seq: number): void;
  /** Number of the first visible event. */
  seenSeq(): number;
  focus(): void;
}

interface Options {
  context: PageContext;
  onScroll: () => void;
  jumpToEnd: () => void;
  jumpToStart: () => void;
}

interface Anchor {
  element: HTMLElement;
  /** Pixels from the top of the window. */
  top: number;
}

interface Shown extends BlockView {
  revision: string;
}

export function createFeed({ context, onScroll, jumpToEnd, jumpToStart }: Options): Feed {
  const shown = new Map<string, Shown>();
  const empty = element("p", { class: "empty" });
  const ending = element("div", { class: "ending" });
  const list = element("div", { class: "blocks", role: "feed", "aria-label": "Transcript" });
  const scroller = element("main", { class: "scroller" }, empty, list, ending);
  scroller.tabIndex = -1;
  const jump = button("jump", "Jump to the latest", jumpToEnd);
  jump.hidden = true;
  const root = element("div", { class: "feed" }, scroller, jump);
  scroller.addEventListener("scroll", onScroll, { passive: true });

  /** The places of the first visible blocks: one that is still there afterwards keeps its place. */
  function anchors(): Anchor[] {
    const top = scroller.getBoundingClientRect().top;
    const found: Anchor[] = [];
    for (const { element: one } of shown.values()) {
      const box = one.getBoundingClientRect();
      if (box.bottom <= top) continue;
      found.push({ element: one, top: box.top });
      if (found.length === 8) break;
    }
    return found;
  }

  function keepPlace(before: readonly Anchor[]): void {
    const kept = before.find((one) => one.element.isConnected);
    if (kept === undefined) return;
    scroller.scrollTop += kept.element.getBoundingClientRect().top - kept.top;
  }

  function draw(blocks: readonly Block[]): void {
    const keys = new Set(blocks.map(({ key }) => key));
    for (const [key, view] of shown) {
      if (keys.has(key)) continue;
      view.element.remove();
      shown.delete(key);
    }
    const inOrder = new Map<string, Shown>();
    let next = list.firstElementChild;
    for (const block of blocks) {
      const view = viewOf(block);
      inOrder.set(block.key, view);
      if (view.element === next) next = next.nextElementSibling;
      else list.insertBefore(view.element, next);
    }
    shown.clear();
    for (const [key, view] of inOrder) shown.set(key, view);
  }

  function viewOf(block: Block): Shown {
    const revision = revisionOf(block, context);
    const known = shown.get(block.key);
    if (known === undefined) return { ...blockView(block, context), revision };
    if (known.revision !== revision) {
      known.update(block);
      known.revision = revision;
    }
    return known;
  }

  addKeys(list, { jumpToEnd, jumpToStart });

  return {
    element: root,
    show(blocks, place) {
      const before = place === "kept" ? anchors() : [];
      draw(blocks);
      setHidden(empty, blocks.length > 0);
      if (place === "end") scroller.scrollTop = scroller.scrollHeight;
      else if (place === "start") scroller.scrollTop = 0;
      else keepPlace(before);
    },
    setEmptyText: (text) => setText(empty, text),
    setMissed(count) {
      setHidden(jump, count === undefined);
      const more = count === undefined || count === 0 ? "" : ` · ${count.toLocaleString()} more`;
      setText(jump, `Jump to the latest${more}`);
    },
    setEnding: (node) => ending.replaceChildren(...(node === undefined ? [] : [node])),
    room: () => ({
      above: scroller.scrollTop,
      below: scroller.scrollHeight - scroller.scrollTop - scroller.clientHeight,
    }),
    scrollToEnd() {
      scroller.scrollTop = scroller.scrollHeight;
    },
    scrollToSeq(seq) {
      const all = [...shown.values()].map((view) => view.element);
      all.findLast((one) => Number(one.dataset["seq"]) <= seq)?.scrollIntoView();
    },
    seenSeq() {
      const seqs = anchors().map(({ element: one }) => Number(one.dataset["seq"]));
      // Messages to the session have no event number.
      return seqs.find((seq) => seq > 0) ?? 1;
    },
    focus() {
      const last = list.lastElementChild;
      if (last instanceof HTMLElement) last.focus();
    },
  };
}

/** Includes what the block shows besides its events: the state of a child, the title of an approval. */
function revisionOf(block: Block, context: PageContext): string {
  const base = String(block.revision);
  if (block.kind === "child") {
    const child = context.child(block.sessionId);
    return `${base} ${child?.sign} ${child?.status} ${child?.title}`;
  }
  if (block.kind === "approval") return `${base} ${context.approval(block.approvalId)?.title}`;
  return base;
}

/** The arrow keys move from block to block, Home and End to the ends of the session. */
function addKeys(list: HTMLElement, jumps: Pick<Options, "jumpToEnd" | "jumpToStart">): void {
  // All blocks are one stop of the Tab key: the current block, else the last one.
  list.tabIndex = 0;
  list.addEventListener("focus", () => {
    // A click between two blocks must not move the focus.
    if (!list.matches(":focus-visible")) return;
    moveTo(list.querySelector(":scope > .current") ?? list.lastElementChild);
  });
  list.addEventListener("focusin", ({ target }) => {
    if (!(target instanceof Element)) return;
    list.tabIndex = target === list ? 0 : -1;
    list.querySelector(":scope > .current")?.classList.remove("current");
    target.closest(".block")?.classList.add("current");
  });
  list.addEventListener("focusout", () => {
    list.tabIndex = 0;
  });
  list.addEventListener("keydown", (event) => {
    const { key, target, ctrlKey, metaKey, altKey, shiftKey } = event;
    if (!(target instanceof Element) || altKey || shiftKey) return;
    const block = target.closest<HTMLElement>(".block");
    const fold = block?.querySelector<HTMLButtonElement>(".fold");
    const isOpen = fold?.ariaExpanded === "true";
    if ((ctrlKey || metaKey) && key !== "Home" && key !== "End") return;
    if (key === "ArrowDown") moveTo(block?.nextElementSibling);
    else if (key === "ArrowUp") moveTo(block?.previousElementSibling);
    else if (key === "ArrowRight" && !isOpen) fold?.click();
    else if (key === "ArrowLeft" && isOpen) fold?.click();
    else if (key === "Enter" && target === block) fold?.click();
    else if (key === "Home") jumps.jumpToStart();
    else if (key === "End") jumps.jumpToEnd();
    else return;
    event.preventDefault();
  });
}

function moveTo(block: Element | null | undefined): void {
  if (!(block instanceof HTMLElement)) return;
  block.focus({ preventScroll: true });
  block.scrollIntoView({ block: "nearest" });
}
