/** Which file a path means that an agent wrote, and whether it may be opened unasked. */
import { realpath } from "node:fs/promises";
import { homedir } from "node:os";
import { isAbsolute, join, relative, resolve, sep } from "node:path";

export interface LinkedFile {
  /** Absolute; what the path really leads to, where that could be told without asking. */
  path: string;
  /** It lies, also by its real path, under one of the folders. */
  isInside: boolean;
}

/** `folders`: absolute; relative paths begin at the first one of them. */
export async function linkedFile(written: string, folders: readonly string[]): Promise<LinkedFile> {
  const home = /^~[\\/]/.test(written) ? join(homedir(), written.slice(2)) : written;
  const path = resolve(folders[0] ?? homedir(), home);
  // A path on another machine is not even looked at before somebody was asked.
  if (!folders.some((folder) => isBelow(folder, path))) return { path, isInside: false };
  const real = await realpath(path);
  const realFolders = await Promise.all(
    folders.map((folder) => realpath(folder).catch(() => folder)),
  );
  return { path: real, isInside: realFolders.some((folder) => isBelow(folder, real)) };
}

function isBelow(folder: string, path: string): boolean {
  const way = relative(folder, path);
  return way === "" || (way !== ".." && !way.startsWith(`..${sep}`) && !isAbsolute(way));
}
