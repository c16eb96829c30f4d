/** The folders of the workspace, and where a file is saved. */
import { homedir } from "node:os";
import { Uri, window, workspace } from "vscode";

export function workspacePaths(): string[] {
  return (workspace.workspaceFolders ?? []).map(({ uri }) => uri.fsPath);
}

interface NewFile {
  dialog: string;
  /** What the file is about; its proposed name is made from this. */
  about: string;
  /** Such as `md`, and what the dialog calls that. */
  extension: string;
  format: string;
}

export async function askForFile(file: NewFile): Promise<Uri | undefined> {
  const folder = workspace.workspaceFolders?.[0]?.uri ?? Uri.file(homedir());
  const words = file.about.normalize("NFKD").replaceAll(/[^\p{L}\p{N}]+/gu, "-");
  const name = words.replaceAll(/^-+|-+$/g, "").slice(0, 60) || "offshoot";
  return await window.showSaveDialog({
    title: file.dialog,
    defaultUri: Uri.joinPath(folder, `${name}.${file.extension}`),
    filters: { [file.format]: [file.extension] },
  });
}
