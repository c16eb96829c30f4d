/** The item of the status bar: what runs, what waits for a person, and the cost of today. */
import { MarkdownString, StatusBarAlignment, ThemeColor, window } from "vscode";
import type { OpenApprovals } from "../approvals/openApprovals.ts";
import type { Services } from "../editor/services.ts";
import { statusFacts, statusText } from "./statusText.ts";

/** The heartbeats of a hundred runs must not cause a hundred counts. */
const redrawEveryMs = 500;

export function addStatusBar({ context, model }: Services, approvals: OpenApprovals): void {
  const item = window.createStatusBarItem("offshoot.presence", StatusBarAlignment.Left, 20);
  item.name = "Offshoot";
  let timer: NodeJS.Timeout | undefined;

  function redraw(): void {
    timer = undefined;
    const facts = statusFacts(model.all(), approvals.size, new Date().setHours(0, 0, 0, 0));
    const { text, lines, accessibleLabel } = statusText(facts);
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

  const redrawSoon = () => (timer ??= setTimeout(redraw, redrawEveryMs));
  context.subscriptions.push(
    item,
    model.onDidChange(redrawSoon),
    approvals.onDidChange(redrawSoon),
    { dispose: () => clearTimeout(timer) },
  );
}
