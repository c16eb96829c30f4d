/** Comparisons of paths, without a look at the disk. */
import { isAbsolute, relative, sep } from "node:path";

/** Whether an absolute path is the folder or lies in it. Links are not followed. */
export function isInside(path: string, folder: string): boolean {
  const way = relative(folder, path);
  return way === "" || (way !== ".." && !way.startsWith(`..${sep}`) && !isAbsolute(way));
}
