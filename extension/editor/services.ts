/** What the rooms of the extension share. */
import type { ExtensionContext, LogOutputChannel } from "vscode";
import type { RealPaths } from "../base/paths.ts";
import type { DaemonClient } from "../daemon/daemonClient.ts";
import type { SessionModel } from "../sessions/sessionModel.ts";

export interface Services {
  context: ExtensionContext;
  client: DaemonClient;
  model: SessionModel;
  log: LogOutputChannel;
  realPaths: RealPaths;
  /** Connects where there is no connection; resolves when the model is up to date. */
  start(): Promise<void>;
}
