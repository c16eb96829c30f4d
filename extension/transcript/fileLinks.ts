/** Finds the file of a path that an agent wrote, and whether it may be opened without asking. */
import { realpath } from "node:fs/promises";
import { homedir } from "node:os";
import { join, resolve } from "node:path";
import { isBelow } from "../base/paths.ts";

export interface LinkedFile {
  /** Absolute; the real path where the file may be opened. */
  path: string;
  /** Whether the path and the real path lie in one of the folders. */
  isInside: boolean;
}

/** `folders` are absolute; relative paths begin at the first one. */
export async function linkedFile(written: string, folders: readonly string[]): Promise<LinkedFile> {
  const home = /^~[\\/]/.test(written) ? join(homedir(), written.slice(2)) : written;
  const path = resolve(folders[0] ?? homedir(), home);
  // Other paths are not even read before the person is asked: they may lead to another machine.
  if (!folders.some((folder) => isBelow(path, folder))) return { path, isInside: false };
  const real = await realpath(path);
  const realFolders = await Promise.all(
    folders.map((folder) => realpath(folder).catch(() => folder)),
  );
  return { path: real, isInside: realFolders.some((folder) => isBelow(real, folder)) };
}
