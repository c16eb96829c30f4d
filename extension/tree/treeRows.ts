/**
 * The rows that the editor has been given, and which of them it has to ask for again. Pure, but for
 * the clock that it is given. The editor redraws a row together with all that is open below it, so
 * a change costs as many rows as that; the more a redraw costs, the longer the next one waits.
 */
import type { Session } from "../../protocol/session.ts";
import { isLive } from "../../protocol/states.ts";
import type { SessionModel } from "../sessions/sessionModel.ts";
import { sessionRow, type SessionRow } from "./sessionRow.ts";
import { plural } from "../sessions/sessionWords.ts";
import type { VisibleSessions } from "./visibleSessions.ts";

export interface TreeRows {
  /** Ids of the rows at the top, or below one. */
  children(parentId: string | undefined): readonly string[];
  /** What a row says now; undefined where it is gone. */
  row(id: string): SessionRow | undefined;
  parent(id: string): string | undefined;
  /** Ids of rows to ask for again, with what is below them; undefined: all of them. */
  onDidChange(listener: (ids: readonly string[] | undefined) => void): { dispose(): void };
  /** Nothing is told while nobody looks. */
  setVisible(visibility: "visible" | "hidden"): void;
  /** Other sessions are wanted, or another order of them. */
  changeAll(): void;
  /** Whether the editor has asked for the row, below the row that it stands below now. */
  isGiven(id: string): boolean;
  /** Called when the editor has asked for a row. */
  onDidGive(listener: () => void): { dispose(): void };
  dispose(): void;
}

export interface Clock {
  /** Epoch milliseconds. */
  now(): number;
  timeOfDay(at: number): string;
  /** Calls back once after so many milliseconds; answers how to call it off. */
  later(callback: () => void, ms: number): () => void;
}

interface Parts {
  model: SessionModel;
  visible: VisibleSessions;
  /** Whether there are older sessions that the model does not hold. */
  hasOlder: () => boolean;
  clock: Clock;
}

/**
 * At most four redraws a second, and at most about a thousand rows a second. The editor waits for
 * 200 ms without news before it draws what came after the first: told more often than that, it
 * would draw nothing any more.
 */
const soonestMs = 250;
const latestMs = 1_000;
const msPerRow = 1;
const tickMs = 1_000;

const olderPrefix = "older:";

/** The id below which older rows were left out (undefined: the top), where a row stands for that. */
export function olderBelow(id: string): { parentId: string | undefined } | undefined {
  if (!id.startsWith(olderPrefix)) return undefined;
  const parentId = id.slice(olderPrefix.length);
  return { parentId: parentId === "" ? undefined : parentId };
}

export function createTreeRows({ model, visible, hasOlder, clock }: Parts): TreeRows {
  const listeners = new Set<(ids: readonly string[] | undefined) => void>();
  const giveListeners = new Set<() => void>();
  /** What the editor was given: lists by the row above them, and rows as texts to be compared. */
  const lists = new Map<string | undefined, readonly string[]>();
  const rows = new Map<string, string>();
  const dirty = new Set<string>();
  let isAllDirty = false;
  let isVisible = false;
  let callOff: (() => void) | undefined;
  let callOffTick: (() => void) | undefined;
  let lastCost = 0;

  function listNow(parentId: string | undefined): readonly string[] {
    const ids = visible.children(parentId);
    const isMore = visible.leftOut(parentId) > 0 || (parentId === undefined && hasOlder());
    return isMore ? [`${olderPrefix}${parentId ?? ""}`, ...ids] : ids;
  }

  function rowNow(id: string): SessionRow | undefined {
    const older = olderBelow(id);
    if (older !== undefined) return olderRow(visible.leftOut(older.parentId));
    const session = model.get(id);
    if (session === undefined) return undefined;
    const below = visible.below(id);
    const childCount = visible.children(id).length;
    const { timeOfDay } = clock;
    return sessionRow(session, { now: clock.now(), timeOfDay, below, childCount });
  }

  function plan(): void {
    if (!isVisible || callOff !== undefined) return;
    const waitMs = Math.min(latestMs, Math.max(soonestMs, lastCost * msPerRow));
    callOff = clock.later(redraw, waitMs);
  }

  /** The time that a run has taken is part of its row; rows that say the same are not redrawn. */
  function tick(): void {
    callOffTick = clock.later(tick, tickMs);
    const live = [...rows.keys()].filter((id) => isLiveSession(model.get(id)));
    if (live.length > 0) touch(live);
  }

  function touch(ids: readonly string[]): void {
    for (const id of ids) dirty.add(id);
    plan();
  }

  /** How many rows the editor asks for when it redraws this one. */
  function cost(id: string): number {
    return (lists.get(id) ?? []).reduce((sum, child) => sum + cost(child), 1);
  }

  function redraw(): void {
    callOff = undefined;
    const changed = isAllDirty || differs(undefined) ? undefined : changedRows();
    isAllDirty = false;
    dirty.clear();
    if (changed === undefined) {
      lastCost = rows.size;
      lists.clear();
      rows.clear();
    } else {
      lastCost = changed.reduce((sum, id) => sum + cost(id), 0);
    }
    if (changed?.length !== 0) for (const listener of listeners) listener(changed);
  }

  function differs(parentId: string | undefined): boolean {
    const before = lists.get(parentId);
    if (before === undefined) return false;
    const now = listNow(parentId);
    return before.length !== now.length || before.some((id, place) => id !== now[place]);
  }

  /**
   * Rows whose own text or list of children is another one, without those below such a one;
   * undefined for all of them.
   */
  function changedRows(): string[] | undefined {
    const changed = new Set<string>();
    for (const parentId of lists.keys()) {
      if (parentId === undefined || !differs(parentId)) continue;
      changed.add(parentId);
      // Below a folded row the editor does not ask, and it must not be told again and again.
      lists.set(parentId, listNow(parentId));
    }
    for (const id of withAncestors(dirty)) {
      const before = rows.get(id);
      if (before === undefined) continue;
      const row = rowNow(id);
      if (row === undefined) {
        rows.delete(id);
        lists.delete(id);
        continue;
      }
      const now = rowText(row);
      if (now === before) continue;
      rows.set(id, now);
      // It becomes another row for the editor, which its parent has to say.
      const isAnother = isLeaf(before) !== isLeaf(now);
      const above = visible.parent(id);
      if (isAnother && above === undefined) return undefined;
      changed.add(isAnother && above !== undefined ? above : id);
    }
    return [...changed].filter((id) => rows.has(id) && !isBelowAny(id, changed));
  }

  function withAncestors(ids: Iterable<string>): Set<string> {
    const all = new Set<string>();
    for (let id of ids) {
      while (!all.has(id)) {
        all.add(id);
        id = model.get(id)?.parentId ?? id;
      }
    }
    return all;
  }

  function isBelowAny(id: string, others: ReadonlySet<string>): boolean {
    for (let above = visible.parent(id); above !== undefined; above = visible.parent(above)) {
      if (others.has(above)) return true;
    }
    return false;
  }

  const listening = model.onDidChange((ids) => {
    visible.changed();
    if (ids === undefined) isAllDirty = true;
    touch(ids ?? []);
  });

  return {
    children(parentId) {
      const list = listNow(parentId);
      lists.set(parentId, list);
      return list;
    },
    row(id) {
      const row = rowNow(id);
      if (row === undefined) return undefined;
      rows.set(id, rowText(row));
      for (const listener of giveListeners) listener();
      return row;
    },
    parent: (id) => {
      const older = olderBelow(id);
      return older === undefined ? visible.parent(id) : older.parentId;
    },
    isGiven: (id) => rows.has(id) && lists.get(visible.parent(id))?.includes(id) === true,
    onDidGive(listener) {
      giveListeners.add(listener);
      return { dispose: () => void giveListeners.delete(listener) };
    },
    onDidChange(listener) {
      listeners.add(listener);
      return { dispose: () => void listeners.delete(listener) };
    },
    setVisible(visibility) {
      isVisible = visibility === "visible";
      if (!isVisible) {
        callOff?.();
        callOffTick?.();
        callOff = callOffTick = undefined;
        // When it is shown again the editor draws all of it anew by itself, and loses its way where
        // it is told of single rows meanwhile.
        isAllDirty ||= rows.size > 0;
        return;
      }
      // Whoever looks has waited long enough.
      if (isAllDirty) callOff ??= clock.later(redraw, 0);
      plan();
      callOffTick ??= clock.later(tick, tickMs);
    },
    changeAll() {
      visible.changed();
      isAllDirty = true;
      lastCost = 0;
      plan();
    },
    dispose() {
      listening.dispose();
      callOff?.();
      callOffTick?.();
    },
  };
}

function olderRow(leftOut: number): SessionRow {
  const label = leftOut > 0 ? `Show ${plural(leftOut, "more sub-agent")}` : "Show older sub-agents";
  const never = { accessibleLabel: label, contextValue: "older", expandable: "no" } as const;
  return { label, description: "", icon: "history", ...never };
}

/** A row as a text that can be compared, with what makes it another row to the editor in front. */
function rowText(row: SessionRow): string {
  return (row.expandable === "no" ? "-" : "+") + JSON.stringify(row);
}

function isLeaf(text: string): boolean {
  return text.startsWith("-");
}

function isLiveSession(session: Session | undefined): boolean {
  return session !== undefined && isLive(session);
}
