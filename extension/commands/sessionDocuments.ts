/**
 * Read-only documents about sessions and the daemon. Their text is made when the editor asks for it,
 * so that documents that stay open over a reload of the window get it, too.
 */
import { EventEmitter, Uri, window, workspace, type TextDocumentContentProvider } from "vscode";
import { messageOf } from "../base/errors.ts";
import { oneLine } from "../base/text.ts";

export type DocumentKind = "result" | "events" | "cost" | "diagnosis";

export type SessionDocuments = ReturnType<typeof createSessionDocuments>;

const scheme = "offshoot-session";
const endings = { result: "md", events: "log", cost: "txt", diagnosis: "txt" } as const;

/** `write` makes the text of a document; the message of an error becomes the text. */
export function createSessionDocuments(
  write: (kind: DocumentKind, sessionId: string) => Promise<string>,
) {
  const changed = new EventEmitter<Uri>();
  const provider: TextDocumentContentProvider = {
    onDidChange: changed.event,
    async provideTextDocumentContent({ query }) {
      const asked = new URLSearchParams(query);
      try {
        return await write(asked.get("kind") as DocumentKind, asked.get("session") ?? "");
      } catch (error) {
        return messageOf(error);
      }
    },
  };
  const registered = workspace.registerTextDocumentContentProvider(scheme, provider);
  return {
    /** Opens a document with its present text. */
    async open(kind: DocumentKind, title: string, sessionId = ""): Promise<void> {
      // A title is written by an agent and must not become a path.
      const name =
        oneLine(title, 60)
          .replaceAll(/[/\\:*?"<>|#%]/g, " ")
          .trim() || kind;
      const query = new URLSearchParams({ kind, session: sessionId }).toString();
      const uri = Uri.from({ scheme, path: `/${name}.${endings[kind]}`, query });
      const isOpen = workspace.textDocuments.some((one) => one.uri.toString() === uri.toString());
      if (isOpen) changed.fire(uri);
      const document = await workspace.openTextDocument(uri);
      await window.showTextDocument(document, { preview: true });
    },
    dispose(): void {
      registered.dispose();
      changed.dispose();
    },
  };
}
