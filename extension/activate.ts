/** Activation: puts the parts together. Nothing is started before the view or a command needs it. */
import { homedir } from "node:os";
import { join } from "node:path";
import { commands, window, workspace, type ExtensionContext } from "vscode";
import { addApprovals } from "./approvals/approvals.ts";
import { addCommands } from "./commands/addCommands.ts";
import { createDaemonClient, type DaemonClient } from "./daemon/daemonClient.ts";
import { followSessions } from "./daemon/followSessions.ts";
import { addEditorModels } from "./models/lendModels.ts";
import type { ExtensionParts } from "./editor/services.ts";
import { addPresence } from "./presence.ts";
import { clientSettings, stateFolder } from "./editor/settings.ts";
import { createRealPaths } from "./base/paths.ts";
import { createSessionModel } from "./sessions/sessionModel.ts";
import { addTimeline } from "./timeline/addTimeline.ts";
import { addTranscript } from "./transcript/transcript.ts";
import { addSessionView } from "./tree/sessionView.ts";

export function activate(context: ExtensionContext): void {
  const log = window.createOutputChannel("Offshoot", { log: true });
  const model = createSessionModel();
  const front = join(context.extensionPath, "dist", "offshoot.cjs");
  const args = frontArguments;
  const client = createDaemonClient({
    async open(prepare, options) {
      // The library is large, and many windows never need it.
      const { openConnection } = await import("./daemon/connection.ts");
      return await openConnection({ front, args: args(), options, log, prepare });
    },
    isTrusted: () => workspace.isTrusted,
    log,
  });
  const following = followSessions({ client, model, log });
  const start = () => client.start().then(following.caughtUp);
  const common = { context, client, model, log, start, realPaths: createRealPaths() };

  followEditor(context, client);
  const sessions = addSessionView(common, following);
  const { view, selectedRow } = sessions;
  const parts: ExtensionParts = { ...common, selected: () => view.selection, selectedRow };
  addCommands({ ...parts, ...sessions }, { front, args });
  addTranscript(parts);
  addTimeline(parts);
  addPresence(parts, addApprovals(parts));
  addEditorModels(parts);
  context.subscriptions.push({ dispose: () => client.dispose() }, log);
}

function frontArguments(): string[] {
  const folder = stateFolder(workspace.getConfiguration("offshoot"), homedir());
  return folder === undefined ? [] : ["--state-dir", folder];
}

/** Keeps the daemon told of what the editor knows: settings, trust and folders. */
function followEditor({ subscriptions }: ExtensionContext, client: DaemonClient): void {
  const configure = () => client.configure(clientSettings(workspace.getConfiguration("offshoot")));
  /** Trust is told with the first message of a connection only. */
  const reconnect = () => {
    if (client.state.kind !== "idle") client.restart().catch(() => undefined);
  };
  configure();
  subscriptions.push(
    workspace.onDidChangeConfiguration((change) => {
      if (change.affectsConfiguration("offshoot")) configure();
      if (change.affectsConfiguration("offshoot.stateFolder")) reconnect();
    }),
    workspace.onDidGrantWorkspaceTrust(() => {
      configure();
      reconnect();
    }),
    client.onDidChangeState((state) => {
      if (state.kind === "gone") void sayGone(state.why);
    }),
  );
}

/** Said once; each button is a command that can be found later too. */
async function sayGone(why: string): Promise<void> {
  const actions = new Map([
    ["Restart", "offshoot.view.restart"],
    ["Show Log", "offshoot.view.showLog"],
    ["Diagnose", "offshoot.view.diagnose"],
  ]);
  const message = `The daemon could not be reached, and Offshoot has stopped trying: ${why}`;
  const picked = await window.showErrorMessage(message, ...actions.keys());
  const command = actions.get(picked ?? "");
  if (command !== undefined) await commands.executeCommand(command);
}
