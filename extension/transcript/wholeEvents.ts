/**
 * Whole texts as documents that only can be read. The address says which event it is, so nothing is
 * kept in memory and the document is there again after a reload.
 */
import { Uri, window, workspace, type Disposable, type ViewColumn } from "vscode";
import type { DaemonClient } from "../daemon/daemonClient.ts";
import { createSessionReader } from "./sessionReader.ts";
import { textOfEvent } from "./wholeText.ts";

const scheme = "offshoot-event";

interface Parts {
  client: Pick<DaemonClient, "call">;
  start: () => Promise<void>;
}

export function provideWholeEvents({ client, start }: Parts): Disposable {
  return workspace.registerTextDocumentContentProvider(scheme, {
    async provideTextDocumentContent({ path }) {
      const [, sessionId = "", seq] = path.split("/");
      await start();
      const stored = await createSessionReader(client, sessionId).wholeEvent(Number(seq));
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
