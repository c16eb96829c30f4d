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
  /** Events of which only a part is shown. */
  cutSeqs: number[];
}

export function baseOf({ seq, at, isCut }: ShownEvent, key: string): BlockBase {
  return { key, revision: seq, seq, at, cutSeqs: isCut === true ? [seq] : [] };
}

/** Counts one more event to a block. */
export function touch(block: BlockBase, { seq, isCut }: ShownEvent): void {
  block.revision = seq;
  if (isCut === true) block.cutSeqs.push(seq);
}

/** The block has changed without an event of its own. */
export function changed(block: BlockBase): void {
  block.revision += 0.5;
}
