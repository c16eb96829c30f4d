/** Plain text with links to addresses, and to files at a line. */
import { textPieces } from "./textLinks.ts";
import { button } from "./dom.ts";
import type { PageContext } from "./pageContext.ts";

export function linkedText(text: string, context: PageContext): DocumentFragment {
  const fragment = document.createDocumentFragment();
  for (const piece of textPieces(text)) {
    if (piece.kind === "text") fragment.append(piece.text);
    else if (piece.kind === "url") fragment.append(webLink(piece.text, piece.text, context));
    else {
      const { path, line, column } = piece;
      const place = { path, line, ...(column !== undefined && { column }) };
      fragment.append(fileLink(piece.text, place, context));
    }
  }
  return fragment;
}

export function fileLink(
  text: string | Node,
  place: { path: string; line?: number; column?: number },
  { tell }: PageContext,
): HTMLButtonElement {
  const link = button("link", text, () => tell({ type: "openFile", ...place }));
  link.title = `Open ${place.path}${place.line === undefined ? "" : `:${place.line}`}`;
  return link;
}

/** The title shows where it leads, whatever its text says. */
export function webLink(
  text: string | Node,
  url: string,
  { tell }: PageContext,
): HTMLButtonElement {
  const link = button("link", text, () => tell({ type: "openLink", url }));
  link.title = url;
  return link;
}
