/** Messages and thoughts: pieces become one block, and the whole text takes their place. Pure. */
import type { AgentEvent } from "../../protocol/events.ts";
import { baseOf, changed, touch } from "./blockBase.ts";
import type { Block, TextBlock } from "./blocks.ts";
import type { ShownEvent } from "./pageMessages.ts";

export interface TextFold {
  blocks: Block[];
  /** What came in pieces since the last whole message: several where thoughts stand between. */
  openTexts: TextBlock[];
}

type TextEvent = Extract<AgentEvent, { type: "message.delta" | "message" | "reasoning.delta" }>;

export function takeText(fold: TextFold, shown: ShownEvent, event: TextEvent): void {
  const last = fold.blocks.at(-1);
  switch (event.type) {
    case "reasoning.delta":
      if (last?.kind === "thought") append(last, shown, event.text);
      else add(fold, shown, { kind: "thought", text: event.text, isOpen: true });
      return;
    case "message.delta": {
      const open = fold.openTexts.at(-1);
      if (open !== undefined && last?.kind !== "thought") append(open, shown, event.text);
      else {
        const piece = { kind: "message", text: event.text, isOpen: true } as const;
        fold.openTexts.push(add(fold, shown, piece));
      }
      return;
    }
    case "message":
      takeWhole(fold, shown, event);
  }
}

/** Nothing more comes of what came in pieces. */
export function closeTexts(fold: TextFold): void {
  for (const text of fold.openTexts) {
    text.isOpen = false;
    changed(text);
  }
  fold.openTexts = [];
}

/**
 * The pieces stay where they are when the whole says no more than they do: also when the first of
 * them are not at hand.
 */
function takeWhole(fold: TextFold, shown: ShownEvent, event: TextEvent): void {
  const [first, ...others] = fold.openTexts;
  if (first === undefined) {
    add(fold, shown, { kind: "message", text: event.text, isOpen: false });
    return;
  }
  const rest = others.map(({ text }) => text).join("");
  if (event.text.endsWith(rest)) {
    first.text = event.text.slice(0, event.text.length - rest.length);
  } else {
    first.text = event.text;
    fold.blocks = fold.blocks.filter((block) => !others.includes(block as TextBlock));
  }
  touch(first, shown);
  closeTexts(fold);
}

function add(
  fold: TextFold,
  shown: ShownEvent,
  fields: Pick<TextBlock, "kind" | "text" | "isOpen">,
): TextBlock {
  const block = { ...baseOf(shown, `${fields.kind}-${shown.seq}`), ...fields };
  fold.blocks.push(block);
  return block;
}

function append(block: TextBlock, shown: ShownEvent, text: string): void {
  block.text += text;
  touch(block, shown);
}
