/** The blocks in their order. Elements of known blocks stay, and so does the reader's place. */
import type { Block } from "../../transcript/block.ts";
import { button, element, setHidden, setText } from "../elements/dom.ts";
import { blockView, type BlockView } from "./blockViews.ts";
import type { PageContext } from "./pageContext.ts";

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

export class Feed {
  readonly element: HTMLElement;
  readonly #context: PageContext;
  readonly #shown = new Map<string, Shown>();
  readonly #empty = element("p", { class: "empty" });
  readonly #ending = element("div", { class: "ending" });
  readonly #list = element("div", { class: "blocks", role: "feed", "aria-label": "Transcript" });
  readonly #scroller: HTMLElement;
  readonly #jump: HTMLButtonElement;

  constructor({ context, onScroll, jumpToEnd, jumpToStart }: Options) {
    this.#context = context;
    this.#scroller = element("main", { class: "scroller", tabindex: "-1" });
    this.#scroller.append(this.#empty, this.#list, this.#ending);
    this.#scroller.addEventListener("scroll", onScroll, { passive: true });
    this.#jump = button("jump", "Jump to the latest", jumpToEnd);
    this.#jump.hidden = true;
    this.element = element("div", { class: "feed" }, this.#scroller, this.#jump);
    addKeys(this.#list, { jumpToEnd, jumpToStart });
  }

  show(blocks: readonly Block[], place: "end" | "kept" | "start"): void {
    const before = place === "kept" ? this.#anchors() : [];
    this.#draw(blocks);
    setHidden(this.#empty, blocks.length > 0);
    if (place === "end") this.scrollToEnd();
    else if (place === "start") this.#scroller.scrollTop = 0;
    else this.#keepPlace(before);
  }

  /** The text that is shown where there are no blocks. */
  setEmptyText(text: string): void {
    setText(this.#empty, text);
  }

  /** How many events are not loaded; undefined where the reader is at the end. */
  setMissed(count: number | undefined): void {
    setHidden(this.#jump, count === undefined);
    const more = count === undefined || count === 0 ? "" : ` · ${count.toLocaleString()} more`;
    setText(this.#jump, `Jump to the latest${more}`);
  }

  setEnding(node: HTMLElement | undefined): void {
    this.#ending.replaceChildren(...(node === undefined ? [] : [node]));
  }

  room(): { above: number; below: number } {
    const { scrollTop, scrollHeight, clientHeight } = this.#scroller;
    return { above: scrollTop, below: scrollHeight - scrollTop - clientHeight };
  }

  scrollToEnd(): void {
    this.#scroller.scrollTop = this.#scroller.scrollHeight;
  }

  scrollToSeq(seq: number): void {
    const all = [...this.#shown.values()].map((view) => view.element);
    all.findLast((one) => Number(one.dataset["seq"]) <= seq)?.scrollIntoView();
  }

  seenSeq(): number {
    const seqs = this.#anchors().map((anchor) => Number(anchor.element.dataset["seq"]));
    // Messages to the session have no event number.
    return seqs.find((seq) => seq > 0) ?? 1;
  }

  focus(): void {
    const last = this.#list.lastElementChild;
    if (last instanceof HTMLElement) last.focus();
  }

  /** The places of the first visible blocks: one that is still there afterwards keeps its place. */
  #anchors(): Anchor[] {
    const top = this.#scroller.getBoundingClientRect().top;
    const found: Anchor[] = [];
    for (const { element: one } of this.#shown.values()) {
      const box = one.getBoundingClientRect();
      if (box.bottom <= top) continue;
      found.push({ element: one, top: box.top });
      if (found.length === 8) break;
    }
    return found;
  }

  #keepPlace(before: readonly Anchor[]): void {
    const kept = before.find((anchor) => anchor.element.isConnected);
    if (kept === undefined) return;
    this.#scroller.scrollTop += kept.element.getBoundingClientRect().top - kept.top;
  }

  #draw(blocks: readonly Block[]): void {
    const keys = new Set(blocks.map(({ key }) => key));
    for (const [key, view] of this.#shown) if (!keys.has(key)) view.element.remove();
    const views = blocks.map((block) => [block.key, this.#viewOf(block)] as const);
    let next = this.#list.firstElementChild;
    for (const [, view] of views) {
      if (view.element === next) next = next.nextElementSibling;
      else this.#list.insertBefore(view.element, next);
    }
    this.#shown.clear();
    for (const [key, view] of views) this.#shown.set(key, view);
  }

  #viewOf(block: Block): Shown {
    const revision = revisionOf(block, this.#context);
    const known = this.#shown.get(block.key);
    if (known === undefined) return { ...blockView(block, this.#context), revision };
    if (known.revision !== revision) known.update(block);
    known.revision = revision;
    return known;
  }
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
