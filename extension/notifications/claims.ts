/**
 * Which window tells a person of a transition. All windows hear of it at the same time; the first
 * one that makes a file of its name tells, and no other.
 */
import { mkdir, readdir, rm, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";

/** True for the first who asks for this key, in whichever window or process. */
export type Claim = (key: string) => Promise<boolean>;

/** Long enough for the slowest window; after it nobody hears of the same transition again. */
const keepMs = 7 * 24 * 3_600_000;

/** `folder` is shared by all windows; it is made where it is missing. */
export function createClaims(folder: string, now: () => number): Claim {
  let opened: Promise<void> | undefined;

  async function open(): Promise<void> {
    await mkdir(folder, { recursive: true });
    for (const name of await readdir(folder)) {
      const file = join(folder, name);
      const age = now() - (await stat(file)).mtimeMs;
      if (age > keepMs) await rm(file, { force: true });
    }
  }

  return async (key) => {
    // Another window may tidy up at the same time: what is gone already is no fault.
    await (opened ??= open().catch(() => undefined));
    try {
      await writeFile(join(folder, encodeURIComponent(key)), "", { flag: "wx" });
      return true;
    } catch (error) {
      // Told twice is better than not at all, where the folder cannot be written.
      return (error as NodeJS.ErrnoException).code !== "EEXIST";
    }
  };
}

/**
 * How long a window leaves it to others to tell, in milliseconds: a person is told where they look,
 * else in the window of the session's folder, else anywhere.
 */
export function patienceMs(window: { isFocused: boolean; hasFolder: boolean }): number {
  if (window.isFocused) return window.hasFolder ? 0 : 150;
  return window.hasFolder ? 300 : 600;
}
