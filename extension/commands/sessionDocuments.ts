/**
 * Read-only documents about sessions and the daemon. Their text is made when the editor asks for it,
 * also for those that are open again after a reload of the window.
 */
import {
  EventEmitter,
  Uri,
  window,
  workspace,
  type Disposable,
  type TextDocumentContentProvider,
} from "vscode";
import { oneLine } from "../sessions/sessionWords.ts";

export type DocumentKind = "result" | "events" | "cost" | "diagnosis";

export interface SessionDocuments extends Disposable {
  /** Opens it, with what is true now. */
  open(kind: DocumentKind, title: string, sessionId?: string): Promise<void>;
}

const scheme = "offshoot-session";
const endings = { result: "md", events: "log", cost: "txt", diagnosis: "txt" } as const;

/** `write` makes the text of a document; what it throws becomes the text. */
export function createSessionDocuments(
  write: (kind: DocumentKind, sessionId: string) => Promise<string>,
): SessionDocuments {
  const changed = new EventEmitter<Uri>();
  const provider: TextDocumentContentProvider = {
    onDidChange: changed.event,
    async provideTextDocumentContent({ query }) {
      const asked = new URLSearchParams(query);
      try {
        return await write(asked.get("kind") as DocumentKind, asked.get("session") ?? "");
      } catch (error) {
        return error instanceof Error ? error.message : String(error);
      }
    },
  };
  const registered = workspace.registerTextDocumentContentProvider(scheme, provider);
  return {
    async open(kind, title, sessionId = "") {
      // A title is a text of an agent; as the name of a document it must not be a path.
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
    dispose() {
      registered.dispose();
      changed.dispose();
    },
  };
}
