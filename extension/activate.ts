/** Activation: puts the parts together. Nothing is started before the view or a command needs it. */
import { join } from "node:path";
import { commands, window, workspace, type ExtensionContext } from "vscode";
import { addCommands } from "./commands.ts";
import { createDaemonClient } from "./daemonClient.ts";
import type { ExtensionParts } from "./parts.ts";
import { createSessionModel } from "./sessionModel.ts";
import { createSessionTree } from "./sessionTree.ts";
import { followSessions } from "./followSessions.ts";

export function activate(context: ExtensionContext): void {
  const log = window.createOutputChannel("Offshoot", { log: true });
  const model = createSessionModel();
  const tree = createSessionTree(model);
  const view = window.createTreeView("offshoot.sessions", { treeDataProvider: tree });
  const client = createDaemonClient({
    front: join(context.extensionPath, "dist", "offshoot.cjs"),
    log,
  });
  const following = followSessions({ client, model, log });

  let started: Promise<void> | undefined;
  const start = () => (started ??= client.start().then(following.caughtUp));
  const parts: ExtensionParts = { context, client, model, log, start };

  model.onDidChange(() => {
    void commands.executeCommand("setContext", "offshoot.empty", model.size === 0);
  });
  view.onDidChangeVisibility(({ visible }) => visible && void start());
  if (view.visible) void start();
  // What the workspace contributes counts from the moment on which it is trusted.
  context.subscriptions.push(
    workspace.onDidGrantWorkspaceTrust(() => void client.restart()),
    { dispose: () => client.dispose() },
    tree,
    view,
    log,
  );
  addCommands(parts, view);
}
