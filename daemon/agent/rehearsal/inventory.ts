/** Adds up the files that list_dir shows, by language. */
import { extname } from "node:path";
import ignore from "ignore";
import type { Reply } from "./plan.ts";

export interface FoundFile {
  path: string;
  bytes: number;
}

const languages: Readonly<Record<string, string>> = {
  ".c": "C",
  ".cc": "C++",
  ".cjs": "JavaScript",
  ".cpp": "C++",
  ".cs": "C#",
  ".css": "CSS",
  ".go": "Go",
  ".h": "C",
  ".html": "HTML",
  ".java": "Java",
  ".js": "JavaScript",
  ".json": "JSON",
  ".jsx": "JavaScript",
  ".kt": "Kotlin",
  ".md": "Markdown",
  ".mjs": "JavaScript",
  ".php": "PHP",
  ".py": "Python",
  ".rb": "Ruby",
  ".rs": "Rust",
  ".sh": "Shell",
  ".sql": "SQL",
  ".swift": "Swift",
  ".toml": "TOML",
  ".ts": "TypeScript",
  ".tsx": "TypeScript",
  ".yaml": "YAML",
  ".yml": "YAML",
};

const neverWanted = new Set([".git", "node_modules"]);

/** Applies the rules of the folder's own .gitignore, where it could be read. */
export function createIgnored(file: Reply | undefined): (path: string) => boolean {
  // The tool numbers the lines.
  const text = file === undefined || file.failed ? "" : file.text.replaceAll(/^\d+\t/gm, "");
  const rules = ignore().add(text);
  return (path) => rules.ignores(path);
}

/** The entries of a listing of `folder`, with paths from the working folder. */
export function filesOf(
  folder: string,
  listing: string,
  isIgnored: (path: string) => boolean,
): { files: FoundFile[]; folders: string[] } {
  const files: FoundFile[] = [];
  const folders: string[] = [];
  const prefix = folder === "." ? "" : `${folder}/`;
  for (const line of listing.split("\n")) {
    const file = /^(.+) (\d+)$/.exec(line);
    if (line.endsWith("/")) {
      const path = prefix + line.slice(0, -1);
      if (!neverWanted.has(line.slice(0, -1)) && !isIgnored(`${path}/`)) folders.push(path);
    } else if (file?.[1] !== undefined) {
      const path = prefix + file[1];
      if (!isIgnored(path)) files.push({ path, bytes: Number(file[2]) });
    }
  }
  return { files, folders };
}

/** Lines of a list: the languages by size, the biggest files, and the sum. */
export function describeFiles(files: readonly FoundFile[]): string {
  const byLanguage = new Map<string, { count: number; bytes: number }>();
  for (const file of files) {
    const language = languages[extname(file.path).toLowerCase()] ?? "other";
    const sum = byLanguage.get(language) ?? { count: 0, bytes: 0 };
    byLanguage.set(language, { count: sum.count + 1, bytes: sum.bytes + file.bytes });
  }
  const shares = [...byLanguage]
    .sort(([, one], [, other]) => other.bytes - one.bytes)
    .slice(0, 6)
    .map(([language, sum]) => `${language} ${sum.count} (${size(sum.bytes)})`);
  const biggest = [...files]
    .sort((one, other) => other.bytes - one.bytes)
    .slice(0, 3)
    .map((file) => `${file.path} (${size(file.bytes)})`);
  return [
    ...(shares.length === 0 ? [] : [`- languages: ${shares.join(", ")}`]),
    ...(biggest.length === 0 ? [] : [`- biggest: ${biggest.join(", ")}`]),
    describeSum(sumOfFiles(files)),
  ].join("\n");
}

export interface Sum {
  count: number;
  bytes: number;
}

export function sumOfFiles(files: readonly FoundFile[]): Sum {
  return { count: files.length, bytes: files.reduce((sum, file) => sum + file.bytes, 0) };
}

/** The last line of every report, from which the parent of a sub-agent adds up the reports. */
export function describeSum({ count, bytes }: Sum): string {
  return `- in all: ${count} files, ${size(bytes)}`;
}

/** The sum in the last line of a report; undefined where there is none. */
export function sumOfReport(report: string): Sum | undefined {
  const [, count, number, unit] = /- in all: (\d+) files, ([\d.]+) (B|KiB|MiB)$/.exec(report) ?? [];
  if (count === undefined) return undefined;
  const scale = unit === "MiB" ? mebi : unit === "KiB" ? 1_024 : 1;
  return { count: Number(count), bytes: Math.round(Number(number) * scale) };
}

export function addSums(sums: readonly (Sum | undefined)[]): Sum {
  const known = sums.filter((sum) => sum !== undefined);
  return {
    count: known.reduce((all, { count }) => all + count, 0),
    bytes: known.reduce((all, { bytes }) => all + bytes, 0),
  };
}

const mebi = 1_024 * 1_024;

function size(bytes: number): string {
  if (bytes < 1_024) return `${bytes} B`;
  return bytes < mebi ? `${(bytes / 1_024).toFixed(1)} KiB` : `${(bytes / mebi).toFixed(2)} MiB`;
}
