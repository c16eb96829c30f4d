/** The open approvals of the session, above the composer and visible wherever the reader is. */
import type { Approval, ApprovalDecision } from "../../../protocol/approvals.ts";
import { visibleText } from "../../base/plainText.ts";
import { toolDiffs } from "../../transcript/toolDiffs.ts";
import { diffView } from "./diffView.ts";
import { button, element, setHidden } from "../elements/dom.ts";
import type { PageContext } from "./pageContext.ts";
import { valueView } from "./valueView.ts";

export function approvalTray(context: PageContext) {
  const cards = new Map<string, HTMLElement>();
  const root = element("section", { class: "tray", "aria-label": "Waits for you" });
  root.ariaLive = "polite";
  root.hidden = true;
  return {
    element: root,
    update(approvals: readonly Approval[]): void {
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

const decisionWords: Record<ApprovalDecision, string> = {
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
  const respond = (decision: ApprovalDecision, message?: string) =>
    context.post({
      type: "respond",
      answer: { approvalId: id, decision, ...(message !== undefined && { message }) },
    });
  const decisions = (["allowOnce", "allowAlways", "denyOnce"] as const).filter((one) =>
    options.includes(one),
  );
  const buttons = decisions.map((decision) => {
    const style = decision === "allowOnce" ? "primary" : "secondary";
    const made = button(style, decisionWords[decision], () => respond(decision));
    // The rule that would be stored.
    if (decision === "allowAlways") made.title = visibleText(always?.text ?? "");
    return made;
  });
  const { toggle, form } = denial((message) => respond("denyOnce", message || undefined));
  // A command is shown below: the title need not repeat it.
  const isCommand = typeof input === "object" && Object.values(input ?? {}).includes(title);
  const shown = isCommand ? toolName : title;
  const tool = shown === toolName || shown.startsWith(`${toolName} `) ? "" : toolName;
  return element(
    "article",
    { class: "card", "aria-label": `Asks for your approval: ${visibleText(title)}` },
    element("h3", {}, "Asks for your approval"),
    element(
      "h2",
      {},
      element("span", { class: "toolName" }, visibleText(tool)),
      visibleText(shown),
    ),
    element("div", { class: "asked" }, ...content),
    element("div", { class: "answers" }, ...buttons, toggle),
    form,
  );
}

function denial(deny: (message: string) => void): { toggle: HTMLElement; form: HTMLElement } {
  const field = element("input", { "aria-label": "Why not, and what to do instead" });
  field.type = "text";
  field.placeholder = "Why not, and what to do instead";
  const send = button("secondary", "Deny and send", () => deny(field.value.trim()));
  const form = element("div", { class: "denial" }, field, send);
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
