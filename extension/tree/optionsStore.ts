/** What a person chose to see, and the sessions that this window has spawned; kept over reloads. */
import type { Memento } from "vscode";
import { Listeners } from "../base/listeners.ts";
import { defaultOptions, type TreeOptions } from "./treeOptions.ts";

const optionsKey = "offshoot.tree";
const spawnedKey = "offshoot.spawned";
const foldingsKey = "offshoot.foldings";
const mostKept = 1000;

export class OptionsStore {
  readonly #memory: Memento;
  readonly #listeners = new Listeners();
  #current: TreeOptions;

  constructor(memory: Memento) {
    this.#memory = memory;
    // A filter is not kept: after a reload nobody expects it.
    const kept = { ...memory.get<Partial<TreeOptions>>(optionsKey), text: "", states: [] };
    this.#current = { ...defaultOptions, ...kept };
  }

  readonly onDidChange = this.#listeners.add;

  get current(): TreeOptions {
    return this.#current;
  }

  change(changes: Partial<TreeOptions>): void {
    this.#current = { ...this.#current, ...changes };
    const { scope, sort } = this.#current;
    void this.#memory.update(optionsKey, { scope, sort });
    this.#listeners.notify();
  }
}

export class SpawnedHere {
  readonly #memory: Memento;
  readonly #ids: Set<string>;

  constructor(memory: Memento) {
    this.#memory = memory;
    this.#ids = new Set(memory.get<string[]>(spawnedKey));
  }

  has(sessionId: string): boolean {
    return this.#ids.has(sessionId);
  }

  add(sessionId: string): void {
    this.#ids.add(sessionId);
    void this.#memory.update(spawnedKey, [...this.#ids].slice(-mostKept));
  }
}

type Folding = "open" | "closed";

/** The rows that a person has folded or unfolded; other rows follow the state of their session. */
export class Foldings {
  readonly #memory: Memento;
  readonly #known: Map<string, Folding>;

  constructor(memory: Memento) {
    this.#memory = memory;
    this.#known = new Map(memory.get<[string, Folding][]>(foldingsKey));
  }

  of(rowId: string): Folding | undefined {
    return this.#known.get(rowId);
  }

  set(rowId: string, folding: Folding): void {
    // The row that was changed last is forgotten last.
    this.#known.delete(rowId);
    this.#known.set(rowId, folding);
    void this.#memory.update(foldingsKey, [...this.#known].slice(-mostKept));
  }
}
