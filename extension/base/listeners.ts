/** The functions that are called when something changes. */
export class Listeners<Value = void> {
  readonly #listeners = new Set<(value: Value) => void>();

  /** Calls the function at each change, until the answer is disposed of. */
  readonly add = (listener: (value: Value) => void): { dispose(): void } => {
    this.#listeners.add(listener);
    return { dispose: () => void this.#listeners.delete(listener) };
  };

  notify(value: Value): void {
    for (const listener of this.#listeners) listener(value);
  }
}
