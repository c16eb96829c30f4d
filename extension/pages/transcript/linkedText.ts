/** Plain text with links to web addresses, and to lines of files. */
import { textPieces } from "./textLinks.ts";
import { button } from "../elements/dom.ts";
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
  { post }: PageContext,
): HTMLButtonElement {
  const link = button("link", text, () => post({ type: "openFile", ...place }));
  link.title = `Open ${place.path}${place.line === undefined ? "" : `:${place.line}`}`;
  return link;
}

/** The title shows the real address, because an agent writes the text. */
export function webLink(
  text: string | Node,
  url: string,
  { post }: PageContext,
): HTMLButtonElement {
  const link = button("link", text, () => post({ type: "openLink", url }));
  link.title = url;
  return link;
}
