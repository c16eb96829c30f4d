/** Messages and thoughts: their pieces become one block, and the whole text replaces them. Pure. */
import { addBlock, changed, touch, type EventOf, type Fold, type TextBlock } from "./block.ts";
import type { ShownEvent } from "./pageMessages.ts";

type TextEvent = EventOf<"message.delta" | "message" | "reasoning.delta">;

export function takeText(fold: Fold, shown: ShownEvent, { type, text }: TextEvent): void {
  const last = fold.blocks.at(-1);
  switch (type) {
    case "reasoning.delta":
      if (last?.kind === "thought") append(last, shown, text);
      else addBlock(fold, shown, { kind: "thought", text, isOpen: true });
      return;
    case "message.delta": {
      const open = fold.openTexts.at(-1);
      if (open !== undefined && last?.kind !== "thought") append(open, shown, text);
      else fold.openTexts.push(addBlock(fold, shown, { kind: "message", text, isOpen: true }));
      return;
    }
    case "message":
      takeWhole(fold, shown, text);
  }
}

/** No more pieces of these texts will come. */
export function closeTexts(fold: Fold): void {
  for (const text of fold.openTexts) {
    text.isOpen = false;
    changed(text);
  }
  fold.openTexts = [];
}

/**
 * The pieces stay in their places where the whole text is what they say together, also where the
 * first of them are not in the window.
 */
function takeWhole(fold: Fold, shown: ShownEvent, text: string): void {
  const [first, ...others] = fold.openTexts;
  if (first === undefined) {
    addBlock(fold, shown, { kind: "message", text, isOpen: false });
    return;
  }
  const rest = others.map((piece) => piece.text).join("");
  if (text.endsWith(rest)) {
    first.text = text.slice(0, text.length - rest.length);
  } else {
    first.text = text;
    fold.blocks = fold.blocks.filter((block) => !others.includes(block as TextBlock));
  }
  touch(first, shown);
  closeTexts(fold);
}

function append(block: TextBlock, shown: ShownEvent, text: string): void {
  block.text += text;
  touch(block, shown);
}
