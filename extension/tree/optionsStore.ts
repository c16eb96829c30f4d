/** What a person chose to see, and the sessions that this window has spawned, kept over reloads. */
import type { Memento } from "vscode";
import { defaultOptions, type TreeOptions } from "./treeOptions.ts";

export interface OptionsStore {
  readonly current: TreeOptions;
  change(changes: Partial<TreeOptions>): void;
  onDidChange(listener: () => void): void;
}

export interface SpawnedHere {
  has(sessionId: string): boolean;
  add(sessionId: string): void;
}

/** The rows that somebody has folded or unfolded; the others are as their work wants it. */
export interface Foldings {
  of(rowId: string): "open" | "closed" | undefined;
  set(rowId: string, folding: "open" | "closed"): void;
}

const optionsKey = "offshoot.tree";
const spawnedKey = "offshoot.spawned";
const mostSpawned = 1000;
const foldingsKey = "offshoot.foldings";
const mostFoldings = 1000;

export function createOptionsStore(memory: Memento): OptionsStore {
  const listeners = new Set<() => void>();
  // A text that was looked for is not what somebody expects after a reload.
  const kept = { ...memory.get<Partial<TreeOptions>>(optionsKey), text: "", states: [] };
  let current: TreeOptions = { ...defaultOptions, ...kept };
  return {
    get current() {
      return current;
    },
    change(changes) {
      current = { ...current, ...changes };
      const { scope, sort } = current;
      void memory.update(optionsKey, { scope, sort });
      for (const listener of listeners) listener();
    },
    onDidChange: (listener) => void listeners.add(listener),
  };
}

export function createSpawnedHere(memory: Memento): SpawnedHere {
  const ids = new Set(memory.get<string[]>(spawnedKey));
  return {
    has: (sessionId) => ids.has(sessionId),
    add(sessionId) {
      ids.add(sessionId);
      void memory.update(spawnedKey, [...ids].slice(-mostSpawned));
    },
  };
}

export function createFoldings(memory: Memento): Foldings {
  const known = new Map(memory.get<[string, "open" | "closed"][]>(foldingsKey));
  return {
    of: (rowId) => known.get(rowId),
    set(rowId, folding) {
      // The one that was changed last is forgotten last.
      known.delete(rowId);
      known.set(rowId, folding);
      void memory.update(foldingsKey, [...known].slice(-mostFoldings));
    },
  };
}
