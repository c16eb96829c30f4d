/**
 * Paths as the file system has them. A folder that was opened through a link has another name for
 * whoever works inside it, such as a shell; each path is looked up once.
 */
import { realpath } from "node:fs/promises";

export interface RealPaths {
  /** The path without links, as far as it is known by now; the path itself until then. */
  of(path: string): string;
  /** Called when a path turned out to have another name. */
  onDidChange(listener: () => void): void;
}

export function createRealPaths(): RealPaths {
  const listeners = new Set<() => void>();
  const known = new Map<string, string>();

  async function find(path: string): Promise<void> {
    // What is not there, or not any more, keeps its name.
    const real = await realpath(path).catch(() => path);
    if (real === path) return;
    known.set(path, real);
    for (const listener of listeners) listener();
  }

  return {
    of(path) {
      const found = known.get(path);
      if (found !== undefined) return found;
      known.set(path, path);
      void find(path);
      return path;
    },
    onDidChange: (listener) => void listeners.add(listener),
  };
}
