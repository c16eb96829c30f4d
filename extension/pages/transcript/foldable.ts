/** One line that unfolds. What is inside is made when somebody looks, and gone when it is folded. */
import { button, element } from "./dom.ts";
import type { PageContext } from "./pageContext.ts";

export interface Foldable {
  element: HTMLElement;
  /** The line; it is a button. */
  line: HTMLButtonElement;
  /** Makes the inside anew, if anybody sees it. */
  refresh(): void;
}

export function foldable(
  key: string,
  context: PageContext,
  fill: (body: HTMLElement) => void,
): Foldable {
  const { unfolded, resized } = context;
  const body = element("div", { className: "body" });
  const line = button("fold", "", () => {
    if (!unfolded.delete(key)) unfolded.add(key);
    show();
    resized();
  });
  const root = element("div", { className: "foldable" }, line, body);

  function show(): void {
    const isOpen = unfolded.has(key);
    line.ariaExpanded = String(isOpen);
    body.hidden = !isOpen;
    if (isOpen) fill(body);
    else body.replaceChildren();
  }

  show();
  return {
    element: root,
    line,
    refresh() {
      if (unfolded.has(key)) fill(body);
    },
  };
}
