/**
 * The rows that the editor has read, and which of them it must read again. The editor redraws a row
 * together with everything that is open below it: the more rows a redraw costs, the longer the next
 * one waits.
 */
import { isLive } from "../../protocol/states.ts";
import { Listeners } from "../base/listeners.ts";
import { plural } from "../base/text.ts";
import type { SessionModel } from "../sessions/sessionModel.ts";
import { sessionRow, type SessionRow } from "./sessionRow.ts";
import type { VisibleSessions } from "./visibleSessions.ts";

export interface Clock {
  /** Epoch milliseconds. */
  now(): number;
  timeOfDay(at: number): string;
  /** Calls back once after so many milliseconds; the returned function cancels that. */
  later(callback: () => void, ms: number): () => void;
}

interface Options {
  model: SessionModel;
  visible: VisibleSessions;
  hasOlder: () => boolean;
  clock: Clock;
}

/**
 * At most four redraws a second, and at most about a thousand rows a second. The editor draws only
 * after 200 ms without a change: more frequent changes would keep it from drawing at all.
 */
const soonestMs = 250;
const latestMs = 1_000;
const msPerRow = 1;
const tickMs = 1_000;

const olderPrefix = "older:";

/** What a row for older sessions stands below (undefined: at the top); undefined for other rows. */
export function olderBelow(id: string): { parentId: string | undefined } | undefined {
  if (!id.startsWith(olderPrefix)) return undefined;
  return { parentId: id.slice(olderPrefix.length) || undefined };
}

export class TreeRows {
  readonly #options: Options;
  readonly #changed = new Listeners<readonly string[] | undefined>();
  readonly #read = new Listeners();
  /** What the editor has read: lists by the row above them, and rows as texts to compare. */
  readonly #lists = new Map<string | undefined, readonly string[]>();
  readonly #rows = new Map<string, string>();
  readonly #dirty = new Set<string>();
  readonly #following: { dispose(): void };
  #isAllDirty = false;
  #isVisible = false;
  #cancelRedraw: (() => void) | undefined;
  #cancelTick: (() => void) | undefined;
  #lastCost = 0;

  constructor(options: Options) {
    this.#options = options;
    this.#following = options.model.onDidChange((ids) => {
      options.visible.changed();
      if (ids === undefined) this.#isAllDirty = true;
      this.#touch(ids ?? []);
    });
  }

  /** Called with the ids of rows to read again, with everything below them; undefined: all rows. */
  readonly onDidChange = this.#changed.add;
  readonly onDidRead = this.#read.add;

  children(parentId: string | undefined): readonly string[] {
    const list = this.#listNow(parentId);
    this.#lists.set(parentId, list);
    return list;
  }

  /** What a row says now; undefined for a session that was removed. */
  row(id: string): SessionRow | undefined {
    const row = this.#rowNow(id);
    if (row === undefined) return undefined;
    this.#rows.set(id, rowText(row));
    this.#read.notify();
    return row;
  }

  parent(id: string): string | undefined {
    const older = olderBelow(id);
    return older === undefined ? this.#options.visible.parent(id) : older.parentId;
  }

  /** Whether the editor has read the row in the place where it stands now. */
  isRead(id: string): boolean {
    const siblings = this.#lists.get(this.#options.visible.parent(id));
    return this.#rows.has(id) && siblings?.includes(id) === true;
  }

  /** No changes are notified while the view is hidden. */
  setVisible(visibility: "visible" | "hidden"): void {
    const { clock } = this.#options;
    this.#isVisible = visibility === "visible";
    if (!this.#isVisible) {
      this.#cancel();
      // An editor that shows the view again draws all rows anew, and fails where it is notified of
      // single rows meanwhile.
      this.#isAllDirty ||= this.#rows.size > 0;
      return;
    }
    if (this.#isAllDirty) this.#cancelRedraw ??= clock.later(() => this.#redraw(), 0);
    this.#plan();
    this.#cancelTick ??= clock.later(() => this.#tick(), tickMs);
  }

  changeAll(): void {
    this.#options.visible.changed();
    this.#isAllDirty = true;
    this.#lastCost = 0;
    this.#plan();
  }

  dispose(): void {
    this.#following.dispose();
    this.#cancel();
  }

  #cancel(): void {
    this.#cancelRedraw?.();
    this.#cancelTick?.();
    this.#cancelRedraw = this.#cancelTick = undefined;
  }

  #listNow(parentId: string | undefined): readonly string[] {
    const { visible, hasOlder } = this.#options;
    const ids = visible.children(parentId);
    const isMore = visible.leftOut(parentId) > 0 || (parentId === undefined && hasOlder());
    return isMore ? [`${olderPrefix}${parentId ?? ""}`, ...ids] : ids;
  }

  #rowNow(id: string): SessionRow | undefined {
    const { model, visible, clock } = this.#options;
    const older = olderBelow(id);
    if (older !== undefined) return olderRow(visible.leftOut(older.parentId));
    const session = model.get(id);
    if (session === undefined) return undefined;
    return sessionRow(session, {
      now: clock.now(),
      timeOfDay: clock.timeOfDay,
      below: visible.below(id),
      childCount: visible.children(id).length,
    });
  }

  #plan(): void {
    if (!this.#isVisible || this.#cancelRedraw !== undefined) return;
    const waitMs = Math.min(latestMs, Math.max(soonestMs, this.#lastCost * msPerRow));
    this.#cancelRedraw = this.#options.clock.later(() => this.#redraw(), waitMs);
  }

  /** A row says how long its run has taken, but is redrawn only when its text differs. */
  #tick(): void {
    const { model, clock } = this.#options;
    this.#cancelTick = clock.later(() => this.#tick(), tickMs);
    const live = [...this.#rows.keys()].flatMap((id) => model.get(id) ?? []).filter(isLive);
    if (live.length > 0) this.#touch(live.map(({ id }) => id));
  }

  #touch(ids: readonly string[]): void {
    for (const id of ids) this.#dirty.add(id);
    this.#plan();
  }

  /** How many rows the editor reads when it redraws this one. */
  #cost(id: string): number {
    return (this.#lists.get(id) ?? []).reduce((sum, child) => sum + this.#cost(child), 1);
  }

  #redraw(): void {
    this.#cancelRedraw = undefined;
    const changed = this.#isAllDirty || this.#differs(undefined) ? undefined : this.#changedRows();
    this.#isAllDirty = false;
    this.#dirty.clear();
    if (changed === undefined) {
      this.#lastCost = this.#rows.size;
      this.#lists.clear();
      this.#rows.clear();
    } else {
      this.#lastCost = changed.reduce((sum, id) => sum + this.#cost(id), 0);
    }
    if (changed?.length !== 0) this.#changed.notify(changed);
  }

  #differs(parentId: string | undefined): boolean {
    const before = this.#lists.get(parentId);
    if (before === undefined) return false;
    const now = this.#listNow(parentId);
    return before.length !== now.length || before.some((id, place) => id !== now[place]);
  }

  /** Rows whose text or children differ, without those below another of them; undefined: all. */
  #changedRows(): string[] | undefined {
    const changed = new Set<string>();
    for (const parentId of this.#lists.keys()) {
      if (parentId === undefined || !this.#differs(parentId)) continue;
      changed.add(parentId);
      // The editor does not read below a folded row, which must not count as changed again.
      this.#lists.set(parentId, this.#listNow(parentId));
    }
    for (const id of this.#withAncestors(this.#dirty)) {
      const before = this.#rows.get(id);
      if (before === undefined) continue;
      const row = this.#rowNow(id);
      if (row === undefined) {
        this.#rows.delete(id);
        this.#lists.delete(id);
        continue;
      }
      const now = rowText(row);
      if (now === before) continue;
      this.#rows.set(id, now);
      // A row that gets its first child has another id for the editor, which the parent must give.
      const isReplaced = isLeaf(before) !== isLeaf(now);
      const above = this.#options.visible.parent(id);
      if (isReplaced && above === undefined) return undefined;
      changed.add(isReplaced && above !== undefined ? above : id);
    }
    return [...changed].filter((id) => this.#rows.has(id) && !this.#isBelowAny(id, changed));
  }

  #withAncestors(ids: Iterable<string>): Set<string> {
    const all = new Set<string>();
    for (let id of ids) {
      while (!all.has(id)) {
        all.add(id);
        id = this.#options.model.get(id)?.parentId ?? id;
      }
    }
    return all;
  }

  #isBelowAny(id: string, others: ReadonlySet<string>): boolean {
    const { visible } = this.#options;
    for (let above = visible.parent(id); above !== undefined; above = visible.parent(above)) {
      if (others.has(above)) return true;
    }
    return false;
  }
}

function olderRow(leftOut: number): SessionRow {
  const label = leftOut > 0 ? `Show ${plural(leftOut, "more sub-agent")}` : "Show older sub-agents";
  const fixed = { accessibleLabel: label, contextValue: "older", expandable: "no" } as const;
  return { label, description: "", icon: "history", ...fixed };
}

/** A row as a text to compare; its first character says whether it has children. */
function rowText(row: SessionRow): string {
  return (row.expandable === "no" ? "-" : "+") + JSON.stringify(row);
}

function isLeaf(text: string): boolean {
  return text.startsWith("-");
}
