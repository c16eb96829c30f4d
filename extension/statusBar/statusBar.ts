/** The item of the status bar: says what runs, what waits for a person, and what today has cost. */
import { MarkdownString, StatusBarAlignment, ThemeColor, window, type Disposable } from "vscode";
import type { OpenApprovals } from "../approvals/approvalInbox.ts";
import type { ExtensionParts } from "../editor/services.ts";
import { presenceFacts, presenceText } from "./statusText.ts";

/** Heartbeats of a hundred runs must not count everything a hundred times. */
const redrawEveryMs = 500;

export function addStatusBar(
  { model }: Pick<ExtensionParts, "model">,
  approvals: OpenApprovals,
): Disposable[] {
  const item = window.createStatusBarItem("offshoot.presence", StatusBarAlignment.Left, 20);
  item.name = "Offshoot";
  let timer: NodeJS.Timeout | undefined;

  function redraw(): void {
    timer = undefined;
    const facts = presenceFacts(model.all(), approvals, new Date().setHours(0, 0, 0, 0));
    const { text, lines, accessibleLabel } = presenceText(facts);
    // It is there only while it says something.
    if (text === "") return item.hide();
    item.text = text;
    item.tooltip = new MarkdownString(lines.join("\n\n"));
    item.accessibilityInformation = { label: accessibleLabel };
    item.command = {
      command: approvals.size > 0 ? "offshoot.approvals.focus" : "offshoot.sessions.focus",
      title: "Show",
    };
    item.backgroundColor =
      facts.needingYou > 0 ? new ThemeColor("statusBarItem.warningBackground") : undefined;
    item.show();
  }

  const changed = () => (timer ??= setTimeout(redraw, redrawEveryMs));
  return [
    item,
    model.onDidChange(changed),
    approvals.onDidChange(changed),
    { dispose: () => clearTimeout(timer) },
  ];
}
