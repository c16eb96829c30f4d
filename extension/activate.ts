/** Activation: puts the parts together. Nothing is started before the view or a command needs it. */
import { join } from "node:path";
import { commands, window, workspace, type ExtensionContext } from "vscode";
import type { Session } from "../protocol/session.ts";
import { addCommands } from "./commands.ts";
import { createDaemonClient, type DaemonClient } from "./daemonClient.ts";
import { createSessionModel } from "./sessionModel.ts";
import { createSessionTree } from "./sessionTree.ts";

export function activate(context: ExtensionContext): void {
  const log = window.createOutputChannel("Offshoot", { log: true });
  const model = createSessionModel();
  const tree = createSessionTree(model);
  const view = window.createTreeView("offshoot.sessions", { treeDataProvider: tree });
  let completionSeq: number | undefined;

  const client = createDaemonClient({
    front: join(context.extensionPath, "dist", "offshoot.cjs"),
    log,
    connected: () => void subscribe().catch((error: unknown) => log.error(String(error))),
  });

  /** Asks for the truth; completions that were missed come again. */
  async function subscribe(): Promise<void> {
    const answer = await client.call("tree/subscribe", {
      events: "lifecycle",
      ...(completionSeq !== undefined && { afterCompletion: completionSeq }),
    });
    completionSeq = answer.completionSeq;
    model.replace(answer.sessions);
    tree.changed();
    showEmpty();
  }

  function changed(session: Session): void {
    const isNew = model.get(session.id) === undefined;
    if (!model.upsert(session)) return;
    tree.changed(isNew ? undefined : [session.id]);
    showEmpty();
  }

  function showEmpty(): void {
    void commands.executeCommand("setContext", "offshoot.empty", model.size === 0);
  }

  client.on("session/changed", ({ session }) => changed(session));
  client.on("subAgent/started", ({ session }) => changed(session));
  client.on("subAgent/heartbeat", ({ childSessionId, timestamp, lastProgressAt, activity }) => {
    const lively = { lastHeartbeatAt: timestamp, lastProgressAt, ...(activity && { activity }) };
    if (model.overlay(childSessionId, lively) !== undefined) tree.changed([childSessionId]);
  });
  client.on("subAgent/completed", (completion) => {
    completionSeq = Math.max(completionSeq ?? 0, completion.completionSeq);
  });
  client.on("session/removed", ({ sessionIds }) => {
    model.remove(sessionIds);
    tree.changed();
    showEmpty();
  });

  const start = startOnce(client);
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
  addCommands(context, { client, model, view, log, start });
}

function startOnce(client: DaemonClient): () => Promise<void> {
  let started: Promise<void> | undefined;
  return () => (started ??= client.start());
}
