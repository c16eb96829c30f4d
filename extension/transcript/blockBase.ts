/** What every block has. */
import type { ShownEvent } from "./pageMessages.ts";

export interface BlockBase {
  /** The same for as long as the block is shown. */
  key: string;
  /** Changes whenever the block does. */
  revision: number;
  /** Number of its first event; 0 for what people wrote. */
  seq: number;
  at: number;
  /** Of what only a part is shown. */
  cuts: Cut[];
}

export interface Cut {
  /** Number of the event that has it whole. */
  seq: number;
  /** Characters of the whole. */
  length: number;
  /** Which part of the block it is, where it has several. */
  part?: "input" | "output";
}

export function baseOf(shown: ShownEvent, key: string): BlockBase {
  const { seq, at } = shown;
  return { key, revision: seq, seq, at, cuts: cutsOf(shown) };
}

function cutsOf({ seq, wholeLength, event }: ShownEvent): Cut[] {
  if (wholeLength === undefined) return [];
  const cut = { seq, length: wholeLength };
  if (event.type === "tool.started") return [{ ...cut, part: "input" }];
  const isOutput = event.type === "tool.output" || event.type === "tool.completed";
  return [isOutput ? { ...cut, part: "output" } : cut];
}

/** Counts one more event to a block. */
export function touch(block: BlockBase, shown: ShownEvent): void {
  block.revision = shown.seq;
  block.cuts.push(...cutsOf(shown));
}

/** The block has changed without an event of its own. */
export function changed(block: BlockBase): void {
  block.revision += 0.5;
}
