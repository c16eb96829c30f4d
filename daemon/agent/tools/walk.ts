/** Walks the files of a folder, without what .gitignore files exclude. */
import { readFile, readdir } from "node:fs/promises";
import { join } from "node:path";
import ignore from "ignore";
import type { Ignore } from "ignore";

/** Folders that are excluded even where no .gitignore names them. */
const neverWanted = new Set([".git", "node_modules", ".hg", ".svn"]);

interface IgnoreRules {
  /** The path of the folder from the root of the walk, with `/` at the end, or empty. */
  folder: string;
  rules: Ignore;
}

/** Yields paths of files from `root`, with `/`, sorted in each folder. Links are not followed. */
export async function* walkFiles(
  root: string,
  signal: AbortSignal,
  folder = "",
  outerRules: readonly IgnoreRules[] = [],
): AsyncGenerator<string> {
  signal.throwIfAborted();
  const rules = [...outerRules, ...(await readRules(root, folder))];
  // An unreadable folder counts as empty.
  const entries = await readdir(join(root, folder), { withFileTypes: true }).catch(() => []);
  entries.sort((one, other) => (one.name < other.name ? -1 : 1));
  for (const entry of entries) {
    if (neverWanted.has(entry.name)) continue;
    const path = `${folder}${entry.name}`;
    if (entry.isDirectory()) {
      if (!isIgnored(`${path}/`, rules)) yield* walkFiles(root, signal, `${path}/`, rules);
    } else if (entry.isFile() && !isIgnored(path, rules)) yield path;
  }
}

async function readRules(root: string, folder: string): Promise<IgnoreRules[]> {
  const text = await readFile(join(root, folder, ".gitignore"), "utf8").catch(() => "");
  return text === "" ? [] : [{ folder, rules: ignore().add(text) }];
}

/** The .gitignore that is nearest to the path decides. */
function isIgnored(path: string, rules: readonly IgnoreRules[]): boolean {
  for (const { folder, rules: own } of rules.toReversed()) {
    const { ignored, unignored } = own.test(path.slice(folder.length));
    if (ignored || unignored) return ignored;
  }
  return false;
}
