/** The blocks in their order: keeps the elements of those that stay, and the reader's place. */
import type { Block } from "../../transcript/blocks.ts";
import { blockView, type BlockView } from "./blockViews.ts";
import { button, element, setHidden, setText } from "./dom.ts";
import type { PageContext } from "./pageContext.ts";

export interface Feed {
  element: HTMLElement;
  show(blocks: readonly Block[], place: "end" | "kept" | "start"): void;
  /** What stands there while there are no blocks. */
  setEmptyText(text: string): void;
  /** How many events there are below what was read; undefined: the reader is at the end. */
  setMissed(count: number | undefined): void;
  setEnding(node: HTMLElement | undefined): void;
  /** Pixels of content above and below of what is in sight. */
  room(): { above: number; below: number };
  scrollToEnd(): void;
  scrollToSeq(seq: number): void;
  /** Number of the first event in sight. */
  seenSeq(): number;
  focus(): void;
}

interface Parts {
  context: PageContext;
  scrolled: () => void;
  jumpToEnd: () => void;
  jumpToStart: () => void;
}

interface Anchor {
  element: HTMLElement;
  /** Of the window, in pixels. */
  top: number;
}

interface Shown extends BlockView {
  revision: string;
}

export function createFeed({ context, scrolled, jumpToEnd, jumpToStart }: Parts): Feed {
  const shown = new Map<string, Shown>();
  const empty = element("p", { className: "empty" });
  const ending = element("div", { className: "ending" });
  const list = element("div", { className: "blocks", role: "feed", label: "Transcript" });
  const scroller = element("main", { className: "scroller" }, empty, list, ending);
  scroller.tabIndex = -1;
  const jump = button("jump", "Jump to the latest", jumpToEnd);
  jump.hidden = true;
  const root = element("div", { className: "feed" }, scroller, jump);
  scroller.addEventListener("scroll", scrolled, { passive: true });

  /** Where the first blocks in sight stand: whichever of them is still there keeps its place. */
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
      // What people wrote has no number of its own.
      return seqs.find((seq) => seq > 0) ?? 1;
    },
    focus() {
      const last = list.lastElementChild;
      if (last instanceof HTMLElement) last.focus();
    },
  };
}

/** Some blocks show what others know: the state of a child, the title of an approval. */
function revisionOf(block: Block, context: PageContext): string {
  const base = String(block.revision);
  if (block.kind === "child") {
    const child = context.child(block.sessionId);
    return `${base} ${child?.look} ${child?.status} ${child?.title}`;
  }
  if (block.kind === "approval") return `${base} ${context.approval(block.approvalId)?.title}`;
  return base;
}

/** The arrows walk from block to block, Home and End lead to the ends of the session. */
function addKeys(list: HTMLElement, jumps: Pick<Parts, "jumpToEnd" | "jumpToStart">): void {
  // One stop of the Tab key for all blocks: the one that was walked to last, else the last one.
  list.tabIndex = 0;
  list.addEventListener("focus", () => {
    // A click between two blocks leads nowhere.
    if (!list.matches(":focus-visible")) return;
    const last = list.querySelector<HTMLElement>(":scope > .current") ?? list.lastElementChild;
    if (last instanceof HTMLElement) walkTo(last);
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
    if (key === "ArrowDown") walkTo(block?.nextElementSibling);
    else if (key === "ArrowUp") walkTo(block?.previousElementSibling);
    else if (key === "ArrowRight" && !isOpen) fold?.click();
    else if (key === "ArrowLeft" && isOpen) fold?.click();
    else if (key === "Enter" && target === block) fold?.click();
    else if (key === "Home") jumps.jumpToStart();
    else if (key === "End") jumps.jumpToEnd();
    else return;
    event.preventDefault();
  });
}

function walkTo(block: Element | null | undefined): void {
  if (!(block instanceof HTMLElement)) return;
  block.focus({ preventScroll: true });
  block.scrollIntoView({ block: "nearest" });
}
