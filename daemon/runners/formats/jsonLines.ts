/** Cuts a program's output into lines and separates lines of JSON from others. */
import { isJson, type Json } from "./json.ts";

/** In bytes. A longer line is dropped, because it would be in memory several times. */
export const maxLineBytes = 8 * 1024 * 1024;

/** In bytes: how much of such a line is shown. */
const shownBytes = 200;

const lineEnd = 0x0a;

/**
 * Calls `object` with objects, `other` with other lines, line end included, and `tooLong` with the
 * beginning of a line that is too long. Empty lines are dropped.
 */
export function jsonLines(taker: {
  object(json: Json): void;
  other(text: string): void;
  tooLong(beginning: string, bytes: number): void;
}): { write(chunk: Uint8Array): void; flush(): void } {
  let pieces: Uint8Array[] = [];
  let bytes = 0;

  const take = (piece: Uint8Array) => {
    bytes += piece.length;
    // Only the first pieces of a line that is too long are kept, for its beginning.
    if (bytes <= maxLineBytes) pieces.push(piece);
    else if (pieces.length > 1) pieces = pieces.slice(0, 1);
    else if (pieces.length === 0) pieces = [piece.slice(0, shownBytes)];
  };

  const finish = (end: "\n" | "") => {
    const line = Buffer.concat(pieces);
    const length = bytes;
    pieces = [];
    bytes = 0;
    if (length > maxLineBytes) {
      taker.tooLong(line.toString("utf8", 0, shownBytes), length);
      return;
    }
    const text = line.toString("utf8");
    if (text.trim() === "") return;
    const json = parsed(text);
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

function parsed(text: string): Json | undefined {
  if (!/^\s*\{/.test(text)) return undefined;
  try {
    const value: unknown = JSON.parse(text);
    return isJson(value) ? value : undefined;
  } catch {
    return undefined;
  }
}
