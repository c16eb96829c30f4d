/** Activation: builds the parts. Nothing is started before a view or a command needs it. */
import { homedir } from "node:os";
import { join } from "node:path";
import { commands, window, workspace, type ExtensionContext } from "vscode";
import { addApprovals } from "./approvals/approvals.ts";
import { RealPaths } from "./base/paths.ts";
import { addLanguageModelTools } from "./chatTools/languageModelTools.ts";
import { addCommands } from "./commands/addCommands.ts";
import { DaemonClient } from "./daemon/daemonClient.ts";
import { SessionSync } from "./daemon/sessionSync.ts";
import { registerCommand } from "./editor/commands.ts";
import type { Services } from "./editor/services.ts";
import { clientSettings, stateFolder } from "./editor/settings.ts";
import { addApiKeys } from "./models/apiKeys.ts";
import { addEditorModels } from "./models/lendModels.ts";
import { addNotifications } from "./notifications/notifications.ts";
import { SessionModel } from "./sessions/sessionModel.ts";
import { addStatusBar } from "./statusBar/statusBar.ts";
import { addTimeline } from "./timeline/addTimeline.ts";
import { addTranscripts } from "./transcript/transcripts.ts";
import { SessionView } from "./tree/sessionView.ts";

export function activate(context: ExtensionContext): void {
  const log = window.createOutputChannel("Offshoot", { log: true });
  const model = new SessionModel();
  const front = join(context.extensionPath, "dist", "offshoot.cjs");
  const args = frontArguments;
  const client = new DaemonClient({
    async open(prepare, options) {
      // The language client is large, and many windows never need it.
      const { openConnection } = await import("./daemon/connection.ts");
      return await openConnection({ front, args: args(), options, log, prepare });
    },
    isTrusted: () => workspace.isTrusted,
    log,
  });
  const sync = new SessionSync(client, model, log);
  const start = () => client.start().then(() => sync.upToDate());
  const services: Services = { context, client, model, log, start, realPaths: new RealPaths() };

  followEditor(services);
  const view = new SessionView(services, sync);
  addCommands({ ...services, view }, { front, args });
  addTranscripts(services, view);
  addTimeline(services);
  const inbox = addApprovals(services);
  addStatusBar(services, inbox.open);
  addNotifications(services, inbox);
  addApiKeys(services);
  addEditorModels(services);
  addLanguageModelTools(services);
  context.subscriptions.push(
    registerCommand(services, "openWalkthrough", async () => {
      const walkthrough = `${context.extension.id}#start`;
      await commands.executeCommand("workbench.action.openWalkthrough", walkthrough, false);
    }),
    { dispose: () => client.dispose() },
    log,
  );
}

function frontArguments(): string[] {
  const folder = stateFolder(workspace.getConfiguration("offshoot"), homedir());
  return folder === undefined ? [] : ["--state-dir", folder];
}

/** Notifies the daemon when settings or trust change. */
function followEditor({ context, client }: Services): void {
  const configure = () => client.configure(clientSettings(workspace.getConfiguration("offshoot")));
  /** The trust and the state folder are sent only when a connection begins. */
  const reconnect = () => {
    if (client.state.kind !== "idle") client.restart().catch(() => undefined);
  };
  configure();
  context.subscriptions.push(
    workspace.onDidChangeConfiguration((change) => {
      if (change.affectsConfiguration("offshoot")) configure();
      if (change.affectsConfiguration("offshoot.stateFolder")) reconnect();
    }),
    workspace.onDidGrantWorkspaceTrust(() => {
      configure();
      reconnect();
    }),
    client.onDidChangeState((state) => {
      if (state.kind === "gone") void showGone(state.why);
    }),
  );
}

/** Shown once; each button is also a command. */
async function showGone(why: string): Promise<void> {
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
