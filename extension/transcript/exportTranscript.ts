/** A whole transcript as a Markdown file, written page by page: only one page is ever in memory. */
import { homedir } from "node:os";
import { join } from "node:path";
import { ProgressLocation, Uri, window, workspace } from "vscode";
import type { DaemonClient } from "../daemon/daemonClient.ts";
import { createSessionReader } from "./sessionReader.ts";
import { transcriptMarkdown } from "./wholeTranscript.ts";
import { writeFile } from "./writeFile.ts";

type Caller = Pick<DaemonClient, "call">;

export async function exportTranscript(client: Caller, sessionId: string): Promise<void> {
  const { session } = await client.call("session/get", { sessionId });
  const folder = workspace.workspaceFolders?.[0]?.uri.fsPath ?? homedir();
  const uri = await window.showSaveDialog({
    title: "Export the transcript",
    defaultUri: Uri.file(join(folder, `${fileName(session.title)}.md`)),
    filters: { Markdown: ["md"] },
  });
  if (uri === undefined) return;
  const options = {
    location: ProgressLocation.Notification,
    title: "Exporting the transcript",
    cancellable: true,
  };
  const isWhole = await window.withProgress(options, (_progress, token) => {
    const reader = createSessionReader(client, sessionId);
    const texts = transcriptMarkdown(session, reader);
    return writeFile(uri.fsPath, texts, () => token.isCancellationRequested);
  });
  if (isWhole) await window.showTextDocument(await workspace.openTextDocument(uri));
}

function fileName(title: string): string {
  const plain = title.normalize("NFKD").replaceAll(/[^\p{L}\p{N}]+/gu, "-");
  return plain.replaceAll(/^-+|-+$/g, "").slice(0, 60) || "transcript";
}
