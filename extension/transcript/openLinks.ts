/** Opens the links of a transcript. Agents write them, so they are not trusted. */
import { env, Position, Range, Uri, window, workspace, type ViewColumn } from "vscode";
import { linkedFile } from "./fileLinks.ts";
import { visibleText } from "../base/plainText.ts";
import { workspacePaths } from "../editor/folders.ts";

/** Opens a file at a place that is counted from 1; asks first where it is outside of the folders. */
export async function openLinkedFile(
  place: { path: string; line?: number; column?: number },
  cwd: string,
  viewColumn: ViewColumn,
): Promise<void> {
  const file = await linkedFile(place.path, [...(cwd === "" ? [] : [cwd]), ...workspacePaths()]);
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

/** The editor itself asks before it opens an unknown address. */
export async function openWebLink(url: string): Promise<void> {
  if (/^https?:\/\//i.test(url)) await env.openExternal(Uri.parse(url, true));
}
