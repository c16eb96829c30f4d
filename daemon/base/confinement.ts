/** Keeps the paths of tools inside the folders that a session may use, also through links. */
import { lstat, realpath } from "node:fs/promises";
import { dirname, join, relative, resolve, sep } from "node:path";
import { isInside } from "./paths.ts";

export interface Confinement {
  /** The session's folder with links resolved. */
  readonly cwd: string;
  /** An absolute path, links resolved, that lies in `cwd`; it need not exist. */
  inside(path: string): Promise<string>;
  /** Like `inside`, for reading: the session's scratch folder is allowed as well. */
  readable(path: string): Promise<string>;
  /** The path as people write it: relative to `cwd` where it lies there, with `/`. */
  shown(path: string): string;
}

export async function createConfinement(cwd: string, scratchDir: string): Promise<Confinement> {
  const root = await realpath(cwd);
  const inside = async (path: string, roots: readonly string[]) => {
    const real = await realPathOf(resolve(root, path));
    if (roots.some((folder) => isInside(real, folder))) return real;
    throw new Error(
      `${path} lies outside of the working folder ${root}; only paths inside it are allowed`,
    );
  };
  return {
    cwd: root,
    inside: (path) => inside(path, [root]),
    readable: async (path) => inside(path, [root, await realPathOf(scratchDir)]),
    shown: (path) => {
      if (!isInside(path, root)) return path;
      return relative(root, path).split(sep).join("/") || ".";
    },
  };
}

/** Resolves links in the part of the path that exists and appends the rest unchanged. */
async function realPathOf(path: string): Promise<string> {
  try {
    return await realpath(path);
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code;
    if (code !== "ENOENT" && code !== "ENOTDIR") throw error;
  }
  await refuseDanglingLink(path);
  const parent = dirname(path);
  return parent === path ? path : join(await realPathOf(parent), path.slice(parent.length));
}

/** A write would follow a link whose target is missing, to wherever the link points. */
async function refuseDanglingLink(path: string): Promise<void> {
  const entry = await lstat(path).catch(() => undefined);
  if (entry?.isSymbolicLink())
    throw new Error(`${path} is a link to something that does not exist`);
}
