/** Exports a whole transcript as a Markdown file, with only one page of its events in memory. */
import { ProgressLocation, window, workspace } from "vscode";
import type { Caller } from "../daemon/daemonClient.ts";
import { askForFile } from "../editor/folders.ts";
import { SessionReader } from "./sessionReader.ts";
import { transcriptMarkdown } from "./wholeTranscript.ts";
import { writeFile } from "./writeFile.ts";

export async function exportTranscript(client: Caller, sessionId: string): Promise<void> {
  const { session } = await client.call("session/get", { sessionId });
  const uri = await askForFile("Export the transcript", session.title, "md");
  if (uri === undefined) return;
  const options = {
    location: ProgressLocation.Notification,
    title: "Exporting the transcript",
    cancellable: true,
  };
  const isWhole = await window.withProgress(options, (_progress, token) => {
    const reader = new SessionReader(client, sessionId);
    const texts = transcriptMarkdown(session, reader);
    return writeFile(uri.fsPath, texts, () => token.isCancellationRequested);
  });
  if (isWhole) await window.showTextDocument(await workspace.openTextDocument(uri));
}
