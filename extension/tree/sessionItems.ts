/** The rows as the editor draws them. Tooltips are made on demand. */
import {
  EventEmitter,
  MarkdownString,
  ThemeColor,
  ThemeIcon,
  TreeItem,
  TreeItemCollapsibleState,
  type CancellationToken,
  type Disposable,
  type TreeDataProvider,
} from "vscode";
import type { Caller } from "../daemon/daemonClient.ts";
import type { SessionModel } from "../sessions/sessionModel.ts";
import type { SessionRow } from "./sessionRow.ts";
import type { Foldings } from "./optionsStore.ts";
import { sessionTooltip } from "./sessionTooltip.ts";
import { olderBelow, type TreeRows } from "./treeRows.ts";

interface Options {
  rows: TreeRows;
  model: SessionModel;
  client: Caller;
  foldings: Foldings;
  /** Resolves when the model is up to date, or cannot be for now; never rejects. */
  ready: () => Promise<void>;
}

const { None, Expanded, Collapsed } = TreeItemCollapsibleState;
const collapsible = { no: None, open: Expanded, closed: Collapsed } as const;
const mostPrompts = 500;

export function createSessionItems(options: Options): TreeDataProvider<string> & Disposable {
  const { rows, model, client, foldings, ready } = options;
  const emitter = new EventEmitter<string[] | undefined>();
  const listening = rows.onDidChange((ids) => emitter.fire(ids && [...ids]));
  /** The first message of each session, which never changes. */
  const prompts = new Map<string, string>();

  async function promptOf(
    sessionId: string,
    token: CancellationToken,
  ): Promise<string | undefined> {
    const known = prompts.get(sessionId);
    if (known !== undefined) return known;
    const asked = { sessionId, limit: 1 };
    const { messages } = await client.call("session/messages", asked, token);
    const text = messages[0]?.text;
    if (prompts.size >= mostPrompts) prompts.clear();
    if (text !== undefined) prompts.set(sessionId, text.slice(0, 4_000));
    return text;
  }

  return {
    onDidChangeTreeData: emitter.event,
    async getChildren(parentId) {
      // Until then the view shows a progress bar.
      if (parentId === undefined) await ready();
      return [...rows.children(parentId)];
    },
    getParent: (id) => rows.parent(id),
    getTreeItem(id) {
      const row = rows.row(id);
      return row === undefined ? goneItem(id) : itemOf(id, row, foldings.of(id));
    },
    async resolveTreeItem(item, id, token) {
      const session = model.get(id);
      if (session === undefined) return item;
      const isChild = session.kind === "child";
      const prompt = isChild ? await promptOf(id, token).catch(() => undefined) : undefined;
      const hasChildren = model.children(id).length > 0;
      const facts = { now: Date.now(), prompt, hasChildren };
      item.tooltip = new MarkdownString(sessionTooltip(session, facts));
      return item;
    },
    dispose() {
      listening.dispose();
      emitter.dispose();
    },
  };
}

function itemOf(id: string, row: SessionRow, folding: "open" | "closed" | undefined): TreeItem {
  const isLeaf = row.expandable === "no";
  const item = new TreeItem(row.label, collapsible[isLeaf ? "no" : (folding ?? row.expandable)]);
  // With the same id, a row would stay folded when it gets its first child.
  item.id = isLeaf ? id : `${id}/`;
  item.description = row.description;
  item.iconPath = new ThemeIcon(row.icon, row.color ? new ThemeColor(row.color) : undefined);
  item.accessibilityInformation = { label: row.accessibleLabel };
  item.contextValue = row.contextValue;
  if (row.contextValue.startsWith("session") || olderBelow(id) !== undefined)
    item.command = openRow;
  return item;
}

/**
 * The command for a click; it opens the selected row. It has no arguments, because the editor forgets
 * those of a row that is drawn again, even between press and release of the mouse button.
 */
const openRow = { command: "offshoot.view.openRow", title: "Open" };

/** For a row that was removed since the editor read the list: the editor reads it again soon. */
function goneItem(id: string): TreeItem {
  const item = new TreeItem("gone", None);
  item.id = id;
  return item;
}
