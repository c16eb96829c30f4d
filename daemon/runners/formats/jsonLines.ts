/** Cuts what a program writes into lines, and tells lines of JSON from others. */
import { isJson, type Json } from "./json.ts";

/** A longer line, in bytes, is not kept: it would be held in memory several times over. */
export const maxLineBytes = 8 * 1024 * 1024;

/** What of such a line is shown, in bytes. */
const shownBytes = 200;

const lineEnd = 0x0a;

/**
 * Gives objects to `object`, lines that are none, with their line end, to `other`, and the beginning
 * of a line that is too long to `tooLong`. Empty lines are dropped.
 */
export function jsonLines(give: {
  object(json: Json): void;
  other(text: string): void;
  tooLong(beginning: string, bytes: number): void;
}): { write(chunk: Uint8Array): void; flush(): void } {
  let pieces: Uint8Array[] = [];
  let bytes = 0;

  const take = (piece: Uint8Array) => {
    bytes += piece.length;
    // Of a line that is too long only the first pieces stay, for its beginning.
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
      give.tooLong(line.toString("utf8", 0, shownBytes), length);
      return;
    }
    const text = line.toString("utf8");
    if (text.trim() === "") return;
    const json = parsed(text);
    if (json) give.object(json);
    else give.other(text + end);
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
