/** A disk of its own for a folder, so small that a test can fill it. Linux, and root, only. */
import { execFileSync } from "node:child_process";
import { mkdirSync, rmSync, statSync } from "node:fs";
import { closeSync, openSync, writeSync } from "node:fs";
import { join } from "node:path";

export interface SmallDisk {
  /** Not a byte is free afterwards. */
  fill(): void;
  free(): void;
  remove(): void;
}

export const canMount = process.platform === "linux" && process.getuid?.() === 0;

export function mountSmallDisk(folder: string, megabytes: number): SmallDisk {
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  mount("-t", "tmpfs", "-o", `size=${megabytes}m,mode=700`, "tmpfs", folder);
  const ballast = join(folder, "ballast");
  return {
    fill() {
      const file = openSync(ballast, "a");
      for (let size = 1024 * 1024; size >= 1; size = Math.floor(size / 2)) {
        const bytes = Buffer.alloc(size);
        while (isWritten(file, bytes));
      }
      closeSync(file);
    },
    free: () => rmSync(ballast),
    remove: () => void execFileSync("umount", ["--lazy", folder]),
  };
}

function isWritten(file: number, bytes: Buffer): boolean {
  try {
    return writeSync(file, bytes) === bytes.length;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ENOSPC") throw error;
    return false;
  }
}

/** Root may write every file, except on a file system that is mounted for reading only. */
export function makeReadOnly(file: string): { undo(): void } {
  if (!canMount) {
    const { mode } = statSync(file);
    execFileSync("chmod", ["a-w", file]);
    return { undo: () => void execFileSync("chmod", [(mode & 0o777).toString(8), file]) };
  }
  mount("--bind", file, file);
  mount("-o", "remount,bind,ro", file);
  return { undo: () => void execFileSync("umount", [file]) };
}

function mount(...args: string[]): void {
  execFileSync("mount", args, { stdio: ["ignore", "ignore", "inherit"] });
}
