/** A line that unfolds. The body is made when it is unfolded, and removed when it is folded. */
import { button, element } from "../elements/dom.ts";
import type { PageContext } from "./pageContext.ts";

export function foldable(key: string, context: PageContext, fill: (body: HTMLElement) => void) {
  const { unfolded, onResize } = context;
  const body = element("div", { class: "body" });
  const line = button("fold", "", () => {
    if (!unfolded.delete(key)) unfolded.add(key);
    show();
    onResize();
  });
  const root = element("div", { class: "foldable" }, line, body);

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
    /** Makes the body again, where it is unfolded. */
    refresh(): void {
      if (unfolded.has(key)) fill(body);
    },
  };
}
