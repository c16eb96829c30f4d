/** The choices of what is shown, and the sessions that this window has spawned, kept over reloads. */
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

const optionsKey = "offshoot.tree";
const spawnedKey = "offshoot.spawned";
const mostSpawned = 1000;

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
