/**
 * Decides which window shows a notification. The daemon notifies all windows at the same time; the
 * first one that creates a file with the name of the transition shows it, and no other.
 */
import { mkdir, readdir, rm, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";

/** Long enough for the slowest window; after it no window gets the same transition again. */
const keepMs = 7 * 24 * 3_600_000;

/**
 * Returns what is true for the first caller with a key, in any window or process. `folder` is shared
 * by all windows, and created where it is missing.
 */
export function createClaims(folder: string, now: () => number) {
  let opened: Promise<void> | undefined;

  async function open(): Promise<void> {
    await mkdir(folder, { recursive: true });
    for (const name of await readdir(folder)) {
      const file = join(folder, name);
      const age = now() - (await stat(file)).mtimeMs;
      if (age > keepMs) await rm(file, { force: true });
    }
  }

  return async (key: string): Promise<boolean> => {
    // Another window may remove the same old files at the same time.
    await (opened ??= open().catch(() => undefined));
    try {
      await writeFile(join(folder, encodeURIComponent(key)), "", { flag: "wx" });
      return true;
    } catch (error) {
      // Where the folder cannot be written, every window shows the notification.
      return (error as NodeJS.ErrnoException).code !== "EEXIST";
    }
  };
}

/**
 * How long a window leaves a notification to the others, in milliseconds. First comes the focused
 * window, then the one with the session's folder, then any.
 */
export function claimDelayMs(window: { isFocused: boolean; hasFolder: boolean }): number {
  if (window.isFocused) return window.hasFolder ? 0 : 150;
  return window.hasFolder ? 300 : 600;
}
