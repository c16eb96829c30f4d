/** The rows as the editor draws them. Tooltips are made when somebody asks for one. */
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
import type { DaemonClient } from "../daemon/daemonClient.ts";
import type { SessionModel } from "../sessions/sessionModel.ts";
import type { SessionRow } from "./sessionRow.ts";
import type { Foldings } from "./optionsStore.ts";
import { sessionTooltip } from "./sessionTooltip.ts";
import { olderBelow, type TreeRows } from "./treeRows.ts";

export type SessionItems = TreeDataProvider<string> & Disposable;

interface Parts {
  rows: TreeRows;
  model: SessionModel;
  client: DaemonClient;
  foldings: Foldings;
  /** Resolves when the model holds the truth, or will not for now; never rejects. */
  ready: () => Promise<void>;
}

const { None, Expanded, Collapsed } = TreeItemCollapsibleState;
const collapsible = { no: None, open: Expanded, closed: Collapsed } as const;
const mostPrompts = 500;

export function createSessionItems(parts: Parts): SessionItems {
  const { rows, model, client, foldings, ready } = parts;
  const emitter = new EventEmitter<string[] | undefined>();
  const telling = rows.onDidChange((ids) => emitter.fire(ids && [...ids]));
  /** First messages by session: they never change. */
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
      // The view shows that something is on its way.
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
      telling.dispose();
      emitter.dispose();
    },
  };
}

function itemOf(id: string, row: SessionRow, folding: "open" | "closed" | undefined): TreeItem {
  const isLeaf = row.expandable === "no";
  const item = new TreeItem(row.label, collapsible[isLeaf ? "no" : (folding ?? row.expandable)]);
  // A row that the editor knows as one without children would stay folded when it gets the first.
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
 * Without arguments, for which the editor would keep a key that a row loses when it is drawn anew,
 * also between the two halves of a click: the row is the one that is selected.
 */
const openRow = { command: "offshoot.view.openRow", title: "Open" };

/** It went between two questions of the editor, which will ask again in a moment. */
function goneItem(id: string): TreeItem {
  const item = new TreeItem("gone", None);
  item.id = id;
  return item;
}
