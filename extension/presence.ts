/** How Offshoot shows itself outside of its views. */
import { commands } from "vscode";
import type { ApprovalInbox } from "./approvals/approvals.ts";
import type { ExtensionParts } from "./editor/services.ts";
import { addApiKeys } from "./models/apiKeys.ts";
import { addLanguageModelTools } from "./chatTools/languageModelTools.ts";
import { addNotifications } from "./notifications/notifications.ts";
import { addStatusBar } from "./statusBar/statusBar.ts";

export function addPresence(parts: ExtensionParts, inbox: ApprovalInbox): void {
  const { context } = parts;
  context.subscriptions.push(
    ...addStatusBar(parts, inbox),
    ...addNotifications(parts, inbox),
    ...addApiKeys(parts),
    ...addLanguageModelTools(parts),
    commands.registerCommand("offshoot.view.openWalkthrough", async () => {
      const walkthrough = `${context.extension.id}#start`;
      await commands.executeCommand("workbench.action.openWalkthrough", walkthrough, false);
    }),
  );
}
