/** The inbox of approvals: what agents ask, in a view of its own, and the ways to answer. */
import { commands, window } from "vscode";
import type { ExtensionParts } from "../editor/services.ts";
import { answerApprovals, type AnswerApproval } from "./answering.ts";
import { addApprovalCommands } from "./approvalCommands.ts";
import { createApprovalDocuments } from "./approvalDocuments.ts";
import { createApprovalModel, type OpenApprovals } from "./approvalInbox.ts";
import { createApprovalTree } from "./approvalTree.ts";
import { followApprovals } from "./followApprovals.ts";

export interface ApprovalInbox extends OpenApprovals {
  /** Opens what an approval asks for, in an editor. */
  show(approvalId: string): Promise<void>;
  answer: AnswerApproval;
}

export function addApprovals(parts: ExtensionParts): ApprovalInbox {
  const { context } = parts;
  const approvals = createApprovalModel();
  const documents = createApprovalDocuments(parts, approvals);
  const tree = createApprovalTree(approvals);
  const view = window.createTreeView("offshoot.approvals", {
    treeDataProvider: tree,
    canSelectMany: true,
  });
  const inbox: ApprovalInbox = {
    get size() {
      return approvals.size;
    },
    all: approvals.all,
    get: approvals.get,
    ofSession: approvals.ofSession,
    onDidChange: approvals.onDidChange,
    async show(approvalId) {
      const approval = approvals.get(approvalId);
      if (approval !== undefined) await documents.show(approval);
    },
    answer: answerApprovals(parts, approvals),
  };
  const showing = approvals.onDidChange(() => {
    void commands.executeCommand("setContext", "offshoot.hasApprovals", approvals.size > 0);
  });
  context.subscriptions.push(
    ...followApprovals(parts, approvals),
    ...[showing, view, tree, documents],
    ...addApprovalCommands(parts, inbox, view),
  );
  return inbox;
}
