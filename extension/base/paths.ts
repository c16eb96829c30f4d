/** Paths, with and without the symbolic links in them. */
import { realpath } from "node:fs/promises";
import { isAbsolute, relative, sep } from "node:path";
import { Listeners } from "./listeners.ts";

/** Whether a path is a folder or lies in it. */
export function isBelow(path: string, folder: string): boolean {
  const way = relative(folder, path);
  return way === "" || (way !== ".." && !way.startsWith(`..${sep}`) && !isAbsolute(way));
}

/**
 * Paths without symbolic links. A folder that was opened through a link has another path for
 * whatever works inside it, such as a shell. Each path is looked up once.
 */
export class RealPaths {
  readonly #found = new Map<string, string>();
  readonly #listeners = new Listeners();

  /** Called when a path turned out to have another real path. */
  readonly onDidChange = this.#listeners.add;

  /** The real path as far as it is known by now; until then the path itself. */
  of(path: string): string {
    const found = this.#found.get(path);
    if (found !== undefined) return found;
    this.#found.set(path, path);
    void this.#find(path);
    return path;
  }

  /** Whether a path lies in one of the folders, by its own path or by its real one. */
  isWithin(path: string, folders: readonly string[]): boolean {
    return folders.some(
      (folder) => isBelow(path, folder) || isBelow(this.of(path), this.of(folder)),
    );
  }

  async #find(path: string): Promise<void> {
    // A path that does not exist keeps its name.
    const real = await realpath(path).catch(() => path);
    if (real === path) return;
    this.#found.set(path, real);
    this.#listeners.notify();
  }
}
