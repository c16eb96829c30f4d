/** The tree view: asks the model, redraws at most ten times a second, keeps what is open open. */
import {
  EventEmitter,
  MarkdownString,
  ThemeColor,
  ThemeIcon,
  TreeItem,
  TreeItemCollapsibleState,
  type TreeDataProvider,
} from "vscode";
import { isLive } from "../protocol/session.ts";
import type { SessionModel } from "./sessionModel.ts";
import { sessionRow } from "./sessionRow.ts";

export interface SessionTree extends TreeDataProvider<string> {
  dispose(): void;
}

const redrawEveryMs = 100;
const tickEveryMs = 1_000;

export function createSessionTree(model: SessionModel): SessionTree {
  const emitter = new EventEmitter<string[] | undefined>();
  const dirty = new Set<string>();
  let isAllDirty = false;
  let timer: NodeJS.Timeout | undefined;

  function redraw(): void {
    timer = undefined;
    emitter.fire(isAllDirty ? undefined : [...dirty]);
    isAllDirty = false;
    dirty.clear();
  }

  function changed(sessionIds?: readonly string[]): void {
    if (sessionIds === undefined) isAllDirty = true;
    for (const id of sessionIds ?? []) dirty.add(id);
    timer ??= setTimeout(redraw, redrawEveryMs);
  }

  // The time that a run has taken is part of its row.
  const tick = setInterval(() => {
    const live = [...model.all()].filter(isLive).map(({ id }) => id);
    if (live.length > 0) changed(live);
  }, tickEveryMs);

  /** While there is one root only, its children are the top. */
  function topIds(): string[] {
    const roots = model.children(null);
    const [only] = roots;
    const top = roots.length === 1 && only !== undefined ? model.children(only.id) : roots;
    return top.map(({ id }) => id);
  }

  const listening = model.onDidChange(changed);

  return {
    onDidChangeTreeData: emitter.event,
    getChildren: (parent) =>
      parent === undefined ? topIds() : model.children(parent).map(({ id }) => id),
    getParent(id) {
      const parentId = model.get(id)?.parentId ?? undefined;
      return parentId !== undefined && topIds().includes(id) ? undefined : parentId;
    },
    getTreeItem(id) {
      const session = model.get(id);
      if (session === undefined) return new TreeItem("gone");
      const row = sessionRow(session, Date.now());
      const hasChildren = model.children(id).length > 0;
      const { Expanded, None } = TreeItemCollapsibleState;
      const item = new TreeItem(row.label, hasChildren ? Expanded : None);
      item.id = id;
      item.description = row.description;
      item.iconPath = new ThemeIcon(row.icon, row.color ? new ThemeColor(row.color) : undefined);
      item.tooltip = new MarkdownString(row.tooltip);
      item.accessibilityInformation = { label: row.accessibleLabel };
      item.contextValue = row.contextValue;
      return item;
    },
    dispose() {
      listening.dispose();
      clearInterval(tick);
      clearTimeout(timer);
      emitter.dispose();
    },
  };
}
