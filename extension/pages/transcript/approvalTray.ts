/** What the session asks just now, above the composer: so it is in sight wherever the reader is. */
import type { Approval } from "../../../protocol/approvals.ts";
import type { Decision } from "../../transcript/pageMessages.ts";
import { visibleText } from "../../base/plainText.ts";
import { toolDiffs } from "../../transcript/toolDiffs.ts";
import { diffView } from "./diffView.ts";
import { button, element, setHidden } from "./dom.ts";
import type { PageContext } from "./pageContext.ts";
import { valueView } from "./valueView.ts";

export interface ApprovalTray {
  element: HTMLElement;
  update(approvals: readonly Approval[]): void;
}

export function approvalTray(context: PageContext): ApprovalTray {
  const cards = new Map<string, HTMLElement>();
  const root = element("section", { className: "tray", label: "Waits for you" });
  root.ariaLive = "polite";
  root.hidden = true;
  return {
    element: root,
    update(approvals) {
      const open = new Set(approvals.map(({ id }) => id));
      for (const [id, card] of cards) {
        if (open.has(id)) continue;
        card.remove();
        cards.delete(id);
      }
      for (const approval of approvals) {
        if (cards.has(approval.id)) continue;
        const card = approvalCard(approval, context);
        cards.set(approval.id, card);
        root.append(card);
      }
      setHidden(root, approvals.length === 0);
    },
  };
}

const decisionWords: Record<Decision, string> = {
  allowOnce: "Allow once",
  allowAlways: "Always",
  denyOnce: "Deny",
  denyAlways: "Never",
};

function approvalCard(approval: Approval, context: PageContext): HTMLElement {
  const { id, title, toolName, kind, input, options, always } = approval;
  const diffs = toolDiffs(kind, input, undefined);
  const content =
    diffs.length > 0 ? diffs.map((diff) => diffView(diff, context)) : [valueView(input, context)];
  const respond = (decision: Decision, message?: string) =>
    context.tell({
      type: "respond",
      answer: { approvalId: id, decision, ...(message !== undefined && { message }) },
    });
  const wanted = (["allowOnce", "allowAlways", "denyOnce"] as const).filter((one) =>
    options.includes(one),
  );
  const buttons = wanted.map((decision) => {
    const look = decision === "allowOnce" ? "primary" : "secondary";
    const made = button(look, decisionWords[decision], () => respond(decision));
    // What an "always" would be stored as.
    if (decision === "allowAlways") made.title = visibleText(always?.text ?? "");
    return made;
  });
  const { toggle, form } = denial((message) => respond("denyOnce", message || undefined));
  // A command stands below as it is.
  const isCommand = typeof input === "object" && Object.values(input ?? {}).includes(title);
  const said = isCommand ? toolName : title;
  const asked = said === toolName || said.startsWith(`${toolName} `) ? "" : toolName;
  return element(
    "article",
    { className: "card", label: `Asks for your approval: ${visibleText(title)}` },
    element("h3", {}, "Asks for your approval"),
    element(
      "h2",
      {},
      element("span", { className: "toolName" }, visibleText(asked)),
      visibleText(said),
    ),
    element("div", { className: "asked" }, ...content),
    element("div", { className: "answers" }, ...buttons, toggle),
    form,
  );
}

/** A field for why, and what to do instead. */
function denial(deny: (message: string) => void): { toggle: HTMLElement; form: HTMLElement } {
  const field = element("input", { label: "Why not, and what to do instead" });
  field.type = "text";
  field.placeholder = "Why not, and what to do instead";
  const send = button("secondary", "Deny and send", () => deny(field.value.trim()));
  const form = element("div", { className: "denial" }, field, send);
  form.hidden = true;
  field.addEventListener("keydown", ({ key, isComposing }) => {
    if (key === "Enter" && !isComposing) send.click();
  });
  const toggle = button("secondary", "Deny with a message …", () => {
    form.hidden = !form.hidden;
    if (!form.hidden) field.focus();
  });
  return { toggle, form };
}
