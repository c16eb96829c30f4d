/** Finds web addresses, and paths with a line, in a text. Pure. */

export type TextPiece =
  | { kind: "text"; text: string }
  | { kind: "url"; text: string }
  | { kind: "file"; text: string; path: string; line: number; column?: number };

const url = String.raw`https?://[^\s<>"'\u0060\])}]{3,2000}`;
/** A path begins with a letter, `.`, `/`, `~` or a drive, has an extension, and then `:line[:column]`. */
const file = String.raw`(?<![\w./\\~:@-])((?:[A-Za-z]:[\\/]|[\\/~.]|\w)[\w.@+~\\/-]{0,400}\.[A-Za-z]\w{0,11}):(\d{1,7})(?::(\d{1,5}))?(?!\w)`;
const links = new RegExp(`(${url})|${file}`, "g");

/** Further links are plain text. */
const mostLinks = 500;

export function textPieces(text: string): TextPiece[] {
  const pieces: TextPiece[] = [];
  let from = 0;
  for (const match of text.matchAll(links)) {
    if (pieces.length > 2 * mostLinks) break;
    const piece = linkOf(match);
    if (match.index > from) pieces.push({ kind: "text", text: text.slice(from, match.index) });
    pieces.push(piece);
    from = match.index + piece.text.length;
  }
  if (from < text.length) pieces.push({ kind: "text", text: text.slice(from) });
  return pieces;
}

function linkOf([whole, address, path, line, column]: RegExpExecArray): TextPiece {
  // Punctuation after an address belongs to the sentence.
  if (address !== undefined) return { kind: "url", text: address.replace(/[.,;:!?]+$/, "") };
  return {
    ...{ kind: "file", text: whole, path: path ?? "", line: Number(line) },
    ...(column !== undefined && { column: Number(column) }),
  };
}
