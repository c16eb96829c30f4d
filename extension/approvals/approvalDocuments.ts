/**
 * Shows exactly what an approval asks for: changes of files in a diff editor, anything else in a
 * read-only document. The texts do not follow later changes of the files. The tabs close when the
 * approval is answered.
 */
import { isAbsolute, join } from "node:path";
import {
  commands,
  EventEmitter,
  FileType,
  languages,
  TabInputText,
  TabInputTextDiff,
  Uri,
  window,
  workspace,
  type Disposable,
  type Tab,
} from "vscode";
import type { Approval } from "../../protocol/approvals.ts";
import { shortened } from "../base/text.ts";
import type { Services } from "../editor/services.ts";
import { approvalRow } from "./approvalRow.ts";
import { sidesOf } from "./changeSides.ts";
import type { OpenApprovals } from "./openApprovals.ts";
import { jsonOf, requestedAction, type RequestedChange } from "./requestedAction.ts";

const approvalScheme = "offshoot-approval";

/** The id of the approval that a document belongs to. */
export function approvalIdIn(uri: Uri): string | undefined {
  if (uri.scheme !== approvalScheme) return undefined;
  return new URLSearchParams(uri.query).get("approval") ?? undefined;
}

export function createApprovalDocuments(
  { model }: Pick<Services, "model">,
  approvals: OpenApprovals,
): Disposable & { show(approval: Approval): Promise<void> } {
  const texts = new Map<string, string>();
  /** The approvals of tabs with several diffs, from which the editor gives no address. */
  const severalTabs = new WeakMap<Tab, string>();
  const changed = new EventEmitter<Uri>();
  const provider = workspace.registerTextDocumentContentProvider(approvalScheme, {
    onDidChange: changed.event,
    // After a reload of the window the tabs are still open and the texts are lost.
    provideTextDocumentContent: (uri) => texts.get(uri.toString()) ?? "Show it again.\n",
  });
  const following = approvals.onDidChange(({ removed }) => {
    const gone = new Set(removed.map(({ id }) => id));
    const isGone = (tab: Tab) => gone.has(severalTabs.get(tab) ?? approvalIdOf(tab) ?? "");
    const tabs = window.tabGroups.all.flatMap((group) => group.tabs).filter(isGone);
    if (tabs.length > 0) void window.tabGroups.close(tabs, true);
  });
  const closing = workspace.onDidCloseTextDocument(({ uri }) => texts.delete(uri.toString()));

  /** Keeps a text under the path of a file, by which the editor chooses the language. */
  function documentOf(approval: Approval, path: string, side: string, text: string): Uri {
    const query = new URLSearchParams({ approval: approval.id, side }).toString();
    const uri = Uri.from({ scheme: approvalScheme, path: Uri.file(path).path, query });
    texts.set(uri.toString(), text);
    changed.fire(uri);
    return uri;
  }

  async function showChanges(
    approval: Approval,
    changes: readonly RequestedChange[],
  ): Promise<void> {
    const folder = model.get(approval.sessionId)?.cwd ?? "/";
    const sides = await Promise.all(
      changes.map(async (change, place) => {
        const path = isAbsolute(change.path) ? change.path : join(folder, change.path);
        const { before, after, isPartial } = sidesOf(change, await textOfFile(path));
        return {
          file: Uri.file(path),
          before: documentOf(approval, path, `before${place}`, before),
          after: documentOf(approval, path, `after${place}`, after),
          isPartial,
        };
      }),
    );
    const [first] = sides;
    if (first === undefined) return;
    const part = sides.some(({ isPartial }) => isPartial) ? " (only the changed pieces)" : "";
    const title = `${shortened(approvalRow(approval).label, longestTitle)}${part}`;
    if (sides.length === 1) {
      await commands.executeCommand("vscode.diff", first.before, first.after, title, {
        preview: true,
      });
    } else {
      const resources = sides.map(({ file, before, after }) => [file, before, after]);
      await commands.executeCommand("vscode.changes", title, resources);
      const tab = window.tabGroups.activeTabGroup.activeTab;
      if (tab !== undefined) severalTabs.set(tab, approval.id);
    }
  }

  async function showText(
    approval: Approval,
    { name, text, language }: { name: string; text: string; language: string },
  ): Promise<void> {
    const document = await workspace.openTextDocument(documentOf(approval, name, "whole", text));
    await languages.setTextDocumentLanguage(document, language);
    await window.showTextDocument(document, { preview: true });
  }

  return {
    async show(approval) {
      const action = requestedAction(approval);
      switch (action.kind) {
        case "changes":
          return await showChanges(approval, action.changes);
        case "command": {
          const text = commandText(action.command, action.more);
          const name = "/Requested command";
          return await showText(approval, { name, text, language: "shellscript" });
        }
        case "text":
          return await showText(approval, { ...action, name: "/Requested text" });
        case "input": {
          const name = `/Input of ${approval.toolName.replaceAll("/", " ")}`;
          return await showText(approval, { name, text: action.json, language: "json" });
        }
      }
    },
    dispose() {
      for (const one of [provider, following, closing, changed]) one.dispose();
    },
  };
}

const longestTitle = 80;
const biggestFile = 4 * 1024 * 1024;

function commandText(command: string, more: Record<string, unknown>): string {
  const facts = Object.entries(more).map(
    ([name, value]) => `# ${name}: ${jsonOf(value).replaceAll("\n", "\n# ")}`,
  );
  return facts.length === 0 ? `${command}\n` : `${command}\n\n${facts.join("\n")}\n`;
}

async function textOfFile(path: string): Promise<string | undefined> {
  const file = Uri.file(path);
  try {
    const { type, size } = await workspace.fs.stat(file);
    if ((type & FileType.File) === 0 || size > biggestFile) return undefined;
    return Buffer.from(await workspace.fs.readFile(file)).toString("utf8");
  } catch {
    return undefined;
  }
}

function approvalIdOf({ input }: Tab): string | undefined {
  if (input instanceof TabInputTextDiff) return approvalIdIn(input.modified);
  return input instanceof TabInputText ? approvalIdIn(input.uri) : undefined;
}
