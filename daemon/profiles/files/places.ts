/** Where files of agents, skills and instructions can lie, and which of them exist. */
import { existsSync, readdirSync, readFileSync, statSync, type Stats } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { isInside } from "../../base/paths.ts";
import type { ConfigFault } from "../../config/config.ts";
import type { Format } from "./formats.ts";

export interface Level {
  folder: string;
  from: "workspace" | "home";
}

const places: readonly { format: Format; folder: string; homeOnly?: true }[] = [
  { format: "offshoot", folder: ".offshoot/agents" },
  { format: "claude", folder: ".claude/agents" },
  { format: "codex", folder: ".codex/agents" },
  { format: "gemini", folder: ".gemini/agents" },
  { format: "opencode", folder: ".opencode/agents" },
  { format: "opencode", folder: ".opencode/agent" },
  { format: "opencode", folder: ".config/opencode/agents", homeOnly: true },
  { format: "opencode", folder: ".config/opencode/agent", homeOnly: true },
  { format: "copilot", folder: ".github/agents" },
  { format: "copilot", folder: ".copilot/agents", homeOnly: true },
];
const skillFolders = [".agents/skills", ".claude/skills"];

/** Collections of agents have a few hundred files; reading many more would delay the core. */
export const mostFilesInFolder = 500;
const mostRemembered = 5_000;
/** A file that changed less than this ago can change again without a new modification time. */
const settlesMs = 100;

/** Where the files for some work are looked for. */
export interface Place {
  /** Absolute: where the work is done. */
  folder: string;
  /** The workspace's top; else the nearest folder with a `.git`, else `folder` itself. */
  top?: string | undefined;
  home: string;
  /** Whether files of the workspace count. */
  trusted: boolean;
}

/** Nearest first. Folders above the top are left out: other users may own them, as in /tmp. */
export function levelsOf({ folder, top, home, trusted }: Place): Level[] {
  const atHome: Level = { folder: resolve(home), from: "home" };
  if (!trusted) return [atHome];
  const above: string[] = [];
  for (let at = resolve(folder); ; at = dirname(at)) {
    above.push(at);
    if (at === dirname(at)) break;
  }
  const isGiven = top !== undefined && isInside(resolve(folder), resolve(top));
  const last = isGiven
    ? above.indexOf(resolve(top))
    : above.findIndex((at) => existsSync(join(at, ".git")));
  const workspace = above
    .slice(0, Math.max(0, last) + 1)
    .filter((at) => at !== atHome.folder)
    .map((at): Level => ({ folder: at, from: "workspace" }));
  return [...workspace, atHome];
}

export type KnownFiles = ReturnType<typeof createKnownFiles>;

/** Reads files and folders again only when they have changed. */
export function createKnownFiles() {
  const remembered = new Map<string, { stamp: string; value: unknown }>();

  function known<Value>(path: string, stats: Stats, make: () => Value): Value {
    const stamp = `${stats.mtimeMs} ${stats.size} ${stats.ino}`;
    const before = remembered.get(path);
    if (before?.stamp === stamp) return before.value as Value;
    const value = make();
    if (remembered.size >= mostRemembered) remembered.clear();
    const isSettled = Math.abs(Date.now() - stats.mtimeMs) > settlesMs;
    if (isSettled) remembered.set(path, { stamp, value });
    return value;
  }

  /** In alphabetical order; none where there is no such folder. */
  function namesIn(folder: string): { names: string[]; faults: ConfigFault[] } {
    const stats = statsOf(folder);
    if (stats?.isDirectory() !== true) return { names: [], faults: [] };
    return known(folder, stats, () => {
      const names = sortedNames(folder);
      if (names.length <= mostFilesInFolder) return { names, faults: [] };
      const message = `has ${names.length} files; those after the first ${mostFilesInFolder} are left out`;
      return {
        names: names.slice(0, mostFilesInFolder),
        faults: [{ source: folder, path: "", message }],
      };
    });
  }

  return {
    agents({ folder, from }: Level) {
      const faults: ConfigFault[] = [];
      const files = places.flatMap(({ format, folder: place, homeOnly }) => {
        if (homeOnly === true && from !== "home") return [];
        const ending = format === "codex" ? ".toml" : ".md";
        const found = namesIn(join(folder, place));
        faults.push(...found.faults);
        return found.names
          .filter((name) => name.endsWith(ending) && !/^(readme|agents|claude)\.md$/i.test(name))
          .map((name) => ({ file: join(folder, place, name), format }));
      });
      return { files, faults };
    },
    skills({ folder }: Level) {
      const faults: ConfigFault[] = [];
      const files = skillFolders.flatMap((place) => {
        const found = namesIn(join(folder, place));
        faults.push(...found.faults);
        return found.names.map((name) => join(folder, place, name, "SKILL.md"));
      });
      return { files, faults };
    },
    /** The answer of `parse` for the file and its size in bytes; undefined where there is none. */
    read<Value>(file: string, parse: (text: () => string, size: number) => Value) {
      const stats = statsOf(file);
      if (stats?.isFile() !== true) return undefined;
      return known(file, stats, () => parse(() => readFileSync(file, "utf8"), stats.size));
    },
  };
}

/** Undefined where nothing exists, or nothing that this user may read. */
function statsOf(path: string): Stats | undefined {
  try {
    return statSync(path, { throwIfNoEntry: false });
  } catch {
    return undefined;
  }
}

function sortedNames(folder: string): string[] {
  try {
    return readdirSync(folder).toSorted();
  } catch {
    return [];
  }
}
