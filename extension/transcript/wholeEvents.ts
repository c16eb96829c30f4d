/**
 * Whole texts of events as read-only documents. The address names the event, so that nothing is kept
 * in memory and the document can be read again after a reload.
 */
import { Uri, window, workspace, type Disposable, type ViewColumn } from "vscode";
import type { Services } from "../editor/services.ts";
import { SessionReader } from "./sessionReader.ts";
import { textOfEvent } from "./wholeText.ts";

const scheme = "offshoot-event";

export function provideWholeEvents({ client, start }: Services): Disposable {
  return workspace.registerTextDocumentContentProvider(scheme, {
    async provideTextDocumentContent({ path }) {
      const [, sessionId = "", seq] = path.split("/");
      await start();
      const stored = await new SessionReader(client, sessionId).wholeEvent(Number(seq));
      return stored === undefined ? "This is not kept any more." : textOfEvent(stored.event);
    },
  });
}

export async function openWholeEvent(
  sessionId: string,
  seq: number,
  viewColumn: ViewColumn,
): Promise<void> {
  const uri = Uri.from({ scheme, path: `/${sessionId}/${seq}/event ${seq}` });
  await window.showTextDocument(await workspace.openTextDocument(uri), {
    viewColumn,
    preview: true,
  });
}
