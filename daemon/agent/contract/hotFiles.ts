/** The files that changed most often, from git. */

/** Lists names only, of the last 300 commits, below the folder that the command runs in. */
export const hotFilesCommand = "git log -n 300 --pretty=format: --name-only --relative -- .";

const mostShown = 10;

export function hotFiles(log: string): { path: string; times: number }[] {
  const counts = new Map<string, number>();
  for (const line of log.split("\n")) {
    const path = line.trim();
    if (path === "" || path.startsWith("[")) continue;
    counts.set(path, (counts.get(path) ?? 0) + 1);
  }
  return [...counts]
    .map(([path, times]) => ({ path, times }))
    .sort((one, other) => other.times - one.times || (one.path < other.path ? -1 : 1))
    .slice(0, mostShown);
}
