/** The view "Waiting for You": one row for each open approval. Its elements are their ids. */
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
import type { OpenApprovals } from "./approvalInbox.ts";
import { approvalRow, type ApprovalRow } from "./approvalRow.ts";

export interface ApprovalTree extends TreeDataProvider<string>, Disposable {}

export function createApprovalTree(approvals: OpenApprovals): ApprovalTree {
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

/** Everything in it is an agent's text: it is appended as text and never as Markdown. */
function tooltipOf({ label, command, facts }: ApprovalRow): MarkdownString {
  const tooltip = new MarkdownString();
  if (command === undefined) tooltip.appendText(label);
  else tooltip.appendCodeblock(command, "shellscript");
  for (const fact of facts) tooltip.appendMarkdown("\n\n").appendText(fact);
  return tooltip;
}
