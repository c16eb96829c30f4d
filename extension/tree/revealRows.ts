/** Brings rows into sight that the editor may not have drawn yet. */
import { setImmediate as nextTurn, setTimeout as delay } from "node:timers/promises";
import { commands, type TreeView } from "vscode";
import type { TreeRows } from "./treeRows.ts";

type How = Parameters<TreeView<string>["reveal"]>[1];

/** By then the editor has asked for a row, or has no reason to: it is hidden, or gone. */
const patienceMs = 5_000;

/**
 * Unfolds what a row stands below, and brings it into sight; does nothing where it is none. Each
 * row is revealed only after the editor has asked for it: before, it fails for a row that it has
 * not seen, and for one that it has read and not drawn.
 */
export async function revealRow(
  view: Pick<TreeView<string>, "reveal">,
  rows: TreeRows,
  id: string,
  how: How,
): Promise<void> {
  const unfold = { select: false, focus: false, expand: true };
  for (const above of rows.isGiven(id) ? [] : pathTo(rows, id)) {
    if (!(await isGivenSoon(rows, above))) return;
    await view.reveal(above, unfold);
  }
  if (await isGivenSoon(rows, id)) await view.reveal(id, how);
}

/** From the top; without the row itself. */
function pathTo(rows: TreeRows, id: string): string[] {
  const path: string[] = [];
  for (let above = rows.parent(id); above !== undefined; above = rows.parent(above)) {
    path.unshift(above);
  }
  return path;
}

async function isGivenSoon(rows: TreeRows, id: string): Promise<boolean> {
  const deadline = performance.now() + patienceMs;
  while (!rows.isGiven(id)) {
    const restMs = deadline - performance.now();
    if (restMs <= 0) return false;
    await nextGiven(rows, restMs);
  }
  await untilDrawn();
  return rows.isGiven(id);
}

/** Resolves when the editor has asked for rows again, or after so many milliseconds. */
export async function nextGiven(rows: TreeRows, mostMs: number): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  const listening = rows.onDidGive(resolve);
  const late = new AbortController();
  await Promise.race([promise, delay(mostMs, undefined, { signal: late.signal })]);
  late.abort();
  listening.dispose();
}

/** What was given a moment ago has been answered and drawn when the editor has answered this. */
export async function untilDrawn(): Promise<void> {
  await nextTurn();
  await commands.executeCommand("setContext", "offshoot.drawn", true);
}
