/** What every part of the extension is given. */
import type { ExtensionContext, LogOutputChannel } from "vscode";
import type { DaemonClient } from "../daemon/daemonClient.ts";
import type { RealPaths } from "../base/paths.ts";
import type { SessionModel } from "../sessions/sessionModel.ts";

export interface ExtensionParts {
  context: ExtensionContext;
  client: DaemonClient;
  model: SessionModel;
  log: LogOutputChannel;
  realPaths: RealPaths;
  /** Connects, where there is no connection; resolves when the model holds the truth. */
  start(): Promise<void>;
  /** Ids of the rows that are selected in the view of the sub-agents. */
  selected(): readonly string[];
  /** The id of the one row that is selected, after a click too; undefined for none and several. */
  selectedRow(): Promise<string | undefined>;
}
