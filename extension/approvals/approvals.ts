/** Adds the inbox of approvals: a view of what agents ask, and the ways to answer. */
import { commands, window } from "vscode";
import type { Services } from "../editor/services.ts";
import { addApprovalCommands } from "./approvalCommands.ts";
import { createApprovalDocuments } from "./approvalDocuments.ts";
import { approvalInbox, type ApprovalInbox } from "./approvalInbox.ts";
import { createApprovalTree } from "./approvalTree.ts";
import { followApprovals } from "./followApprovals.ts";
import { OpenApprovals } from "./openApprovals.ts";

export function addApprovals(services: Services): ApprovalInbox {
  const open = new OpenApprovals();
  const documents = createApprovalDocuments(services, open);
  const tree = createApprovalTree(open);
  const view = window.createTreeView("offshoot.approvals", {
    treeDataProvider: tree,
    canSelectMany: true,
  });
  const inbox = approvalInbox(services, open, documents.show);
  const showing = open.onDidChange(() => {
    void commands.executeCommand("setContext", "offshoot.hasApprovals", open.size > 0);
  });
  services.context.subscriptions.push(
    ...followApprovals(services, open),
    ...[showing, view, tree, documents],
    ...addApprovalCommands(services, inbox, view),
  );
  return inbox;
}
