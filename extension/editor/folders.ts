/** The folders of the workspace, and where a file is saved. */
import { homedir } from "node:os";
import { Uri, window, workspace } from "vscode";

export function workspacePaths(): string[] {
  return (workspace.workspaceFolders ?? []).map(({ uri }) => uri.fsPath);
}

const formats = { md: "Markdown", svg: "SVG picture" };

/** `about` is what the file is about; its proposed name is made from that. */
export async function askForFile(
  dialog: string,
  about: string,
  ending: keyof typeof formats,
): Promise<Uri | undefined> {
  const folder = workspace.workspaceFolders?.[0]?.uri ?? Uri.file(homedir());
  const words = about.normalize("NFKD").replaceAll(/[^\p{L}\p{N}]+/gu, "-");
  const name = words.replaceAll(/^-+|-+$/g, "").slice(0, 60) || "offshoot";
  return await window.showSaveDialog({
    title: dialog,
    defaultUri: Uri.joinPath(folder, `${name}.${ending}`),
    filters: { [formats[ending]]: [ending] },
  });
}
