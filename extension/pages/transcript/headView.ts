/** The head of the page: which session it is, how it is, and where it stands in the tree. */
import { visibleText } from "../../base/plainText.ts";
import type { HeadCommand, HeadFacts, SessionLink } from "../../transcript/pageMessages.ts";
import { button, element, setHidden, setText } from "./dom.ts";
import type { PageContext } from "./pageContext.ts";
import { stateSign } from "./stateSign.ts";

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
  const act = (text: string, command: HeadCommand) =>
    button("secondary", text, () => tell({ type: "do", command }));
  const cancel = act("Cancel", "cancel");
  const pause = act("Pause", "pause");
  const resume = act("Resume", "resume");
  const again = act("Run Again", "retry");
  const save = act("Export", "exportTranscript");
  save.title = "Save all of it as a Markdown file";
  const root = element(
    "header",
    {},
    path,
    element(
      "div",
      { className: "titleRow" },
      title,
      element("div", { className: "actions" }, again, pause, resume, cancel, save),
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

  function linkTo({ id, title: name, status, look }: SessionLink, className: string): HTMLElement {
    const link = button(`link ${className}`, visibleText(name), () =>
      tell({ type: "openSession", sessionId: id }),
    );
    if (className === "chip") {
      link.prepend(stateSign(look));
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
      const word = `${head.look} ${head.state}`;
      if (state.dataset["word"] !== word) {
        state.dataset["word"] = word;
        state.replaceChildren(...(head.isRoot ? [] : [stateSign(head.look)]), head.state);
      }
      setText(facts, visibleText(head.facts.join(" · ")));
      setText(detail, visibleText(head.isOpen ? head.detail : ""));
      setHidden(cancel, !head.canCancel);
      setHidden(pause, !head.canPause);
      setHidden(resume, !head.canResume);
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
  // Where the detail says how it ended, the state in front of it would only say so again.
  const said = head.detail === "" ? head.state : head.detail;
  const text = visibleText(`${said[0]?.toUpperCase() ?? ""}${said.slice(1)}`);
  return element("p", { className: `end ${head.status}` }, stateSign(head.look), text);
}

/** What stands where nothing was said yet. */
export function emptyText(head: HeadFacts): string {
  if (head.isRoot) return "This is the top of a tree. It holds sub-agents and says nothing itself.";
  if (head.status === "created") return "It was made and has not been run. A message starts it.";
  if (head.status === "queued") return "It waits for its turn and has not said anything yet.";
  return head.isOpen ? "It has not said anything yet." : "It has said nothing.";
}
