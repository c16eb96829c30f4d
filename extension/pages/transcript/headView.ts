/** The head of the page: which session it is, how it is, and where it stands in the tree. */
import { visibleText } from "../../transcript/plainText.ts";
import type { HeadFacts, SessionLink } from "../../transcript/pageMessages.ts";
import { button, element, setHidden, setText } from "./dom.ts";
import { statusGlyphs, type PageContext } from "./pageContext.ts";

export interface HeadView {
  element: HTMLElement;
  update(head: HeadFacts): void;
}

/** More children than these are only counted. */
const mostChildren = 12;

export function headView({ tell }: Pick<PageContext, "tell">): HeadView {
  const path = element("nav", { className: "path", label: "Sessions above" });
  const state = element("span", { className: "state" });
  const title = element("h1");
  const facts = element("span", { className: "facts" });
  const detail = element("span", { className: "detail" });
  const children = element("nav", { className: "children", label: "Its sub-agents" });
  const cancel = button("secondary", "Cancel", () => tell({ type: "cancel" }));
  const again = button("secondary", "Run again", () => tell({ type: "runAgain" }));
  const save = button("secondary", "Export", () => tell({ type: "export" }));
  save.title = "Save all of it as a Markdown file";
  const root = element(
    "header",
    {},
    path,
    element(
      "div",
      { className: "titleRow" },
      title,
      element("div", { className: "actions" }, cancel, again, save),
    ),
    element("div", { className: "factRow" }, state, facts, detail),
    children,
  );
  let links = "";

  function showLinks(head: HeadFacts): void {
    const wanted = JSON.stringify([head.path, head.children]);
    if (wanted === links) return;
    links = wanted;
    const steps = head.path.flatMap((step) => [
      linkTo(step, "step"),
      element("span", { className: "separator" }, "›"),
    ]);
    path.replaceChildren(...steps);
    const listed = head.children.slice(-mostChildren).map((child) => linkTo(child, "chip"));
    const more = head.children.length - listed.length;
    children.replaceChildren(...listed);
    if (more > 0) children.prepend(element("span", { className: "more" }, `${more} earlier`));
    setHidden(children, head.children.length === 0);
  }

  function linkTo({ id, title: name, status }: SessionLink, className: string): HTMLElement {
    const sign = element("span", { className: `glyph ${status}` }, statusGlyphs[status]);
    sign.ariaHidden = "true";
    const link = button(`link ${className}`, visibleText(name), () =>
      tell({ type: "openSession", sessionId: id }),
    );
    if (className === "chip") {
      link.prepend(sign);
      link.title = `${name}: ${status}`;
      link.ariaLabel = `${name}, ${status}`;
    }
    return link;
  }

  return {
    element: root,
    update(head) {
      setText(title, visibleText(head.title));
      title.title = visibleText(head.title);
      const sign = element(
        "span",
        { className: `glyph ${head.status}` },
        statusGlyphs[head.status],
      );
      sign.ariaHidden = "true";
      const className = `state ${head.isRoot ? "root" : head.status}`;
      if (state.className !== className || state.dataset["word"] !== head.state) {
        state.className = className;
        state.dataset["word"] = head.state;
        state.replaceChildren(...(head.isRoot ? [] : [sign]), head.state);
      }
      setText(facts, visibleText(head.facts.join(" · ")));
      setText(detail, visibleText(head.isOpen ? head.detail : ""));
      setHidden(cancel, !head.canCancel);
      setHidden(again, !head.canRunAgain);
      setHidden(save, head.isGone);
      showLinks(head);
    },
  };
}

/** How it ended, at the end of what it said. */
export function endingOf(head: HeadFacts): HTMLElement | undefined {
  if (head.isGone) return element("p", { className: "end cancelled" }, "This session was deleted.");
  if (head.isOpen || head.isRoot || head.status === "created") return undefined;
  const sign = element("span", { className: "mark", role: "img" }, statusGlyphs[head.status]);
  sign.ariaHidden = "true";
  const word = `${head.state[0]?.toUpperCase() ?? ""}${head.state.slice(1)}`;
  const why = head.detail === "" ? "" : `: ${visibleText(head.detail)}`;
  return element("p", { className: `end ${head.status}` }, sign, `${word}${why}`);
}

/** What stands where nothing was said yet. */
export function emptyText(head: HeadFacts): string {
  if (head.isRoot) return "This is the top of a tree. It holds sub-agents and says nothing itself.";
  if (head.status === "created") return "It was made and has not been run. A message starts it.";
  if (head.status === "queued") return "It waits for its turn and has not said anything yet.";
  return head.isOpen ? "It has not said anything yet." : "It has said nothing.";
}
