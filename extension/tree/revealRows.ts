/** Scrolls to rows, also to those that the editor may not have drawn yet. */
import { setImmediate as nextTurn, setTimeout as delay } from "node:timers/promises";
import { commands, type TreeView } from "vscode";
import type { TreeRows } from "./treeRows.ts";

type How = Parameters<TreeView<string>["reveal"]>[1];

/** By then the editor has read a row, or will not: the view is hidden, or the row is gone. */
const mostWaitMs = 5_000;

/**
 * Unfolds the rows above one, and scrolls to it. The editor fails to reveal a row that it has not
 * read, or has read and not drawn, so each step waits until its row is drawn. The rows above may
 * change meanwhile, so each step looks them up again.
 */
export async function revealRow(
  view: Pick<TreeView<string>, "reveal">,
  rows: TreeRows,
  id: string,
  how: How,
): Promise<void> {
  const unfolded = new Set<string>();
  for (let restMs = mostWaitMs, since = performance.now(); restMs > 0;) {
    const next = deepestRead(rows, id);
    if (next === undefined || unfolded.has(next)) {
      await nextRead(rows, restMs);
      restMs = mostWaitMs - (performance.now() - since);
      continue;
    }
    await untilDrawn();
    if (!rows.isRead(next)) continue;
    if (next === id) return await view.reveal(id, how);
    await view.reveal(next, { select: false, focus: false, expand: true });
    unfolded.add(next);
    since = performance.now();
  }
}

/** The row itself, or the nearest one above it that the editor has read. */
function deepestRead(rows: TreeRows, id: string): string | undefined {
  let found: string | undefined = id;
  while (found !== undefined && !rows.isRead(found)) found = rows.parent(found);
  return found;
}

/** Resolves when the editor has read a row, or after so many milliseconds. */
export async function nextRead(rows: TreeRows, mostMs: number): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  const listening = rows.onDidRead(resolve);
  const late = new AbortController();
  await Promise.race([promise, delay(mostMs, undefined, { signal: late.signal })]);
  late.abort();
  listening.dispose();
}

/** Resolves when the rows that were read a moment ago are drawn: the editor works in order. */
export async function untilDrawn(): Promise<void> {
  await nextTurn();
  await commands.executeCommand("setContext", "offshoot.drawn", true);
}
