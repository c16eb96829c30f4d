/** Opens what a link of a transcript leads to. Links are made by agents, so they are strangers'. */
import { env, Position, Range, Uri, window, workspace, type ViewColumn } from "vscode";
import { linkedFile } from "./fileLinks.ts";
import { visibleText } from "../base/plainText.ts";

/** Opens a file at a line, both counted from 1; asks first when it lies outside of the work. */
export async function openLinkedFile(
  place: { path: string; line?: number; column?: number },
  cwd: string,
  viewColumn: ViewColumn,
): Promise<void> {
  const workspaceFolders = (workspace.workspaceFolders ?? []).map(({ uri }) => uri.fsPath);
  const file = await linkedFile(place.path, [...(cwd === "" ? [] : [cwd]), ...workspaceFolders]);
  if (!file.isInside) {
    const detail = `${visibleText(file.path)}\n\nAn agent wrote this path. It lies outside of its folder and of the workspace.`;
    const answer = await window.showWarningMessage(
      "Open this file?",
      { modal: true, detail },
      "Open",
    );
    if (answer !== "Open") return;
  }
  const at = new Position(Math.max(0, (place.line ?? 1) - 1), Math.max(0, (place.column ?? 1) - 1));
  const uri = Uri.file(file.path);
  await window.showTextDocument(await workspace.openTextDocument(uri), {
    ...{ viewColumn, preview: true },
    ...(place.line !== undefined && { selection: new Range(at, at) }),
  });
}

/** The editor asks by itself before it opens an address that it does not know. */
export async function openWebLink(url: string): Promise<void> {
  if (/^https?:\/\//i.test(url)) await env.openExternal(Uri.parse(url, true));
}
