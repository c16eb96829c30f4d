/** Cuts output into lines and separates lines of JSON from others. */
import { parseJson, type Json } from "./json.ts";

/** In bytes: how much of a line that is too long is shown. */
const shownBytes = 200;

const lineEnd = 0x0a;

/**
 * Calls `object` with objects and `other` with other lines, line end included. A line of more than
 * `mostBytes` is dropped: `tooLong` is called with its beginning. Empty lines are dropped.
 */
export function jsonLines(taker: {
  mostBytes: number;
  object(json: Json): void;
  other(text: string): void;
  tooLong(beginning: string): void;
}): { write(chunk: Uint8Array): void; flush(): void } {
  let pieces: Uint8Array[] = [];
  let bytes = 0;

  const take = (piece: Uint8Array) => {
    const wasTooLong = bytes > taker.mostBytes;
    bytes += piece.length;
    if (wasTooLong) return;
    pieces.push(piece);
    if (bytes <= taker.mostBytes) return;
    const beginning = Buffer.concat(pieces, Math.min(bytes, shownBytes));
    pieces = [];
    taker.tooLong(beginning.toString());
  };

  const finish = (end: "\n" | "") => {
    const isTooLong = bytes > taker.mostBytes;
    const text = Buffer.concat(pieces).toString("utf8");
    pieces = [];
    bytes = 0;
    if (isTooLong || text.trim() === "") return;
    const json = parseJson(text);
    if (json) taker.object(json);
    else taker.other(text + end);
  };

  return {
    write(chunk) {
      let start = 0;
      for (let end = chunk.indexOf(lineEnd); end >= 0; end = chunk.indexOf(lineEnd, start)) {
        take(chunk.subarray(start, end));
        finish("\n");
        start = end + 1;
      }
      if (start < chunk.length) take(chunk.subarray(start));
    },
    flush() {
      if (bytes > 0) finish("");
    },
  };
}
