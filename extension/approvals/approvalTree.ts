/** The rows of the view "Waiting for You". Its elements are the ids of the open approvals. */
import {
  EventEmitter,
  MarkdownString,
  ThemeColor,
  ThemeIcon,
  TreeItem,
  type Disposable,
  type TreeDataProvider,
} from "vscode";
import { toneColors } from "../sessions/stateSigns.ts";
import { approvalRow, type ApprovalRow } from "./approvalRow.ts";
import type { OpenApprovals } from "./openApprovals.ts";

export function createApprovalTree(
  approvals: OpenApprovals,
): TreeDataProvider<string> & Disposable {
  const emitter = new EventEmitter<undefined>();
  const listening = approvals.onDidChange(() => emitter.fire(undefined));

  return {
    onDidChangeTreeData: emitter.event,
    getChildren: (parent) => (parent === undefined ? approvals.all().map(({ id }) => id) : []),
    getParent: () => undefined,
    getTreeItem(id) {
      const approval = approvals.get(id);
      if (approval === undefined) return new TreeItem("answered");
      const row = approvalRow(approval);
      const item = new TreeItem(row.label);
      item.id = id;
      item.description = row.description;
      item.iconPath = new ThemeIcon(row.icon, new ThemeColor(toneColors.needsYou));
      item.tooltip = tooltipOf(row);
      item.accessibilityInformation = { label: row.accessibleLabel };
      item.contextValue = `approval${approval.always === undefined ? "" : ".always"}`;
      item.command = {
        command: "offshoot.view.openApproval",
        title: "Show What It Wants",
        arguments: [id],
      };
      return item;
    },
    dispose() {
      listening.dispose();
      emitter.dispose();
    },
  };
}

/** Texts of agents are appended as text and never as Markdown. */
function tooltipOf({ label, command, facts }: ApprovalRow): MarkdownString {
  const tooltip = new MarkdownString();
  if (command === undefined) tooltip.appendText(label);
  else tooltip.appendCodeblock(command, "shellscript");
  for (const fact of facts) tooltip.appendMarkdown("\n\n").appendText(fact);
  return tooltip;
}
