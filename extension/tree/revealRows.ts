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
 * not seen, and for one that it has read and not drawn. What a row stands below may change
 * meanwhile, so each step looks anew.
 */
export async function revealRow(
  view: Pick<TreeView<string>, "reveal">,
  rows: TreeRows,
  id: string,
  how: How,
): Promise<void> {
  const unfolded = new Set<string>();
  for (let restMs = patienceMs, since = performance.now(); restMs > 0;) {
    const next = deepestGiven(rows, id);
    if (next === undefined || unfolded.has(next)) {
      await nextGiven(rows, restMs);
      restMs = patienceMs - (performance.now() - since);
      continue;
    }
    await untilDrawn();
    if (!rows.isGiven(next)) continue;
    if (next === id) return await view.reveal(id, how);
    await view.reveal(next, { select: false, focus: false, expand: true });
    unfolded.add(next);
    since = performance.now();
  }
}

/** The row itself or the nearest one above it that the editor has asked for. */
function deepestGiven(rows: TreeRows, id: string): string | undefined {
  let found: string | undefined = id;
  while (found !== undefined && !rows.isGiven(found)) found = rows.parent(found);
  return found;
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
