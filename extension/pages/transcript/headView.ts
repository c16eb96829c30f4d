/** The head of the page: the session, its state, and its place in the tree. */
import { visibleText } from "../../base/plainText.ts";
import type { HeadCommand, HeadFacts, SessionLink } from "../../transcript/pageMessages.ts";
import { button, element, setHidden, setText } from "../elements/dom.ts";
import type { PageContext } from "./pageContext.ts";
import { stateSign } from "./stateSign.ts";

const mostChildren = 12;

export function headView({ post }: Pick<PageContext, "post">) {
  const path = element("nav", { class: "path", "aria-label": "Sessions above" });
  const state = element("span", { class: "state" });
  const title = element("h1");
  const facts = element("span", { class: "facts" });
  const detail = element("span", { class: "detail" });
  const children = element("nav", { class: "children", "aria-label": "Its sub-agents" });
  const act = (text: string, command: HeadCommand) =>
    button("secondary", text, () => post({ type: "do", command }));
  const actions = {
    retry: act("Run Again", "retry"),
    pause: act("Pause", "pause"),
    resume: act("Resume", "resume"),
    cancel: act("Cancel", "cancel"),
  };
  const save = act("Export", "exportTranscript");
  save.title = "Save all of it as a Markdown file";
  const buttons = element("div", { class: "actions" }, ...Object.values(actions), save);
  const titleRow = element("div", { class: "titleRow" }, title, buttons);
  const factRow = element("div", { class: "factRow" }, state, facts, detail);
  const root = element("header", {}, path, titleRow, factRow, children);
  let links = "";

  function showLinks(head: HeadFacts): void {
    const shown = JSON.stringify([head.path, head.children]);
    if (shown === links) return;
    links = shown;
    const steps = head.path.flatMap((step) => [
      linkTo(step, "step"),
      element("span", { class: "separator" }, "›"),
    ]);
    path.replaceChildren(...steps);
    const listed = head.children.slice(-mostChildren).map((child) => linkTo(child, "chip"));
    const more = head.children.length - listed.length;
    children.replaceChildren(...listed);
    if (more > 0) children.prepend(element("span", { class: "more" }, `${more} earlier`));
    setHidden(children, head.children.length === 0);
  }

  function linkTo({ id, title: name, status, sign }: SessionLink, className: string): HTMLElement {
    const link = button(`link ${className}`, visibleText(name), () =>
      post({ type: "openSession", sessionId: id }),
    );
    if (className === "chip") {
      link.prepend(stateSign(sign));
      link.title = `${name}: ${status}`;
      link.ariaLabel = `${name}, ${status}`;
    }
    return link;
  }

  return {
    element: root,
    update(head: HeadFacts): void {
      setText(title, visibleText(head.title));
      title.title = visibleText(head.title);
      const word = `${head.sign} ${head.state}`;
      if (state.dataset["word"] !== word) {
        state.dataset["word"] = word;
        state.replaceChildren(...(head.isRoot ? [] : [stateSign(head.sign)]), head.state);
      }
      setText(facts, visibleText(head.facts.join(" · ")));
      setText(detail, visibleText(head.isOpen ? head.detail : ""));
      for (const ability of ["retry", "pause", "resume", "cancel"] as const) {
        setHidden(actions[ability], !head.abilities.includes(ability));
      }
      setHidden(save, head.isGone);
      showLinks(head);
    },
  };
}

/** How the session ended, for the end of the transcript. */
export function endingOf(head: HeadFacts): HTMLElement | undefined {
  if (head.isGone) return element("p", { class: "end cancelled" }, "This session was deleted.");
  if (head.isOpen || head.isRoot || head.status === "created") return undefined;
  // The detail of an end includes the state.
  const end = head.detail === "" ? head.state : head.detail;
  const text = visibleText(`${end[0]?.toUpperCase() ?? ""}${end.slice(1)}`);
  return element("p", { class: `end ${head.status}` }, stateSign(head.sign), text);
}

/** The text of a transcript without blocks. */
export function emptyText(head: HeadFacts): string {
  if (head.isRoot) return "This is the top of a tree. It holds sub-agents and says nothing itself.";
  if (head.status === "created") return "It was made and has not been run. A message starts it.";
  if (head.status === "queued") return "It waits for its turn and has not said anything yet.";
  return head.isOpen ? "It has not said anything yet." : "It has said nothing.";
}
