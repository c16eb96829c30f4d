/** The tool that searches file contents: with ripgrep where it is installed, else by a walk. */
import { spawn } from "node:child_process";
import { access, constants, readFile, stat } from "node:fs/promises";
import { delimiter, join } from "node:path";
import * as z from "zod";
import { createMatcher, matchingPaths } from "./boundedMatch.ts";
import { defineTool } from "./tool.ts";
import type { Tool, ToolWorld } from "./tool.ts";
import { walkFiles } from "./walk.ts";

const mostMatches = 500;
const longestLine = 500;
const biggestFileMb = 4;

interface Found {
  /** Lines as path:line:text. */
  lines: string[];
  /** The number of files that were too big to be searched. */
  tooBig: number;
}

interface Search {
  pattern: string;
  ignoreCase: boolean;
  include: string | undefined;
  /** An absolute path. */
  place: string;
  signal: AbortSignal;
}

export function grepTool({ confinement, environment }: ToolWorld): Tool {
  return defineTool({
    name: "grep",
    description:
      "Searches the contents of files for a regular expression. Answers path:line:text. " +
      `What .gitignore leaves out is not searched. At most ${mostMatches} lines.`,
    kind: "search",
    input: z.object({
      pattern: z.string().min(1).describe("regular expression"),
      path: z.string().optional().describe("file or folder; default: the working folder"),
      include: z.string().optional().describe("only files that match this glob, such as *.ts"),
      ignoreCase: z.boolean().optional(),
    }),
    async prepare({ pattern, path = ".", include, ignoreCase = false }) {
      const place = await confinement.inside(path);
      const shown = confinement.shown(place);
      return {
        title: `Search ${shown} for ${pattern}`,
        subject: shown,
        act: async ({ signal }) => {
          const search = { pattern, ignoreCase, include, place, signal };
          const ripgrep = await findOnPath("rg", environment);
          const { lines, tooBig } =
            ripgrep === undefined
              ? await searchByWalk(search)
              : await searchByRipgrep(ripgrep, search);
          const root = `${confinement.cwd}/`;
          const text = lines
            .slice(0, mostMatches)
            .map((line) => (line.startsWith(root) ? line.slice(root.length) : line));
          if (lines.length === 0) text.push("[nothing found]");
          if (lines.length > mostMatches) text.push("[more matches; use a narrower pattern]");
          if (tooBig > 0) {
            text.push(
              `[files left out because they have more than ${biggestFileMb} MB: ${tooBig}]`,
            );
          }
          return { text: text.join("\n") };
        },
      };
    },
  });
}

async function searchByRipgrep(program: string, search: Search): Promise<Found> {
  const { pattern, ignoreCase, include, place, signal } = search;
  const args = ["--line-number", "--with-filename", "--no-heading", "--color", "never", "--hidden"];
  args.push("--sort", "path", "--max-columns", String(longestLine), "--glob", "!.git");
  args.push("--no-require-git");
  if (ignoreCase) args.push("--ignore-case");
  if (include !== undefined) args.push("--glob", include);
  const child = spawn(program, [...args, "--regexp", pattern, "--", place], {
    stdio: ["ignore", "pipe", "pipe"],
    signal,
  });
  const lines: string[] = [];
  let rest = "";
  child.stdout.setEncoding("utf8").on("data", (text: string) => {
    const parts = (rest + text).split("\n");
    rest = parts.pop() ?? "";
    lines.push(...parts);
    if (lines.length > mostMatches) child.kill();
  });
  let fault = "";
  child.stderr.setEncoding("utf8").on("data", (text: string) => (fault += text));
  const exitCode = await new Promise<number | null>((resolve, reject) => {
    child.once("error", reject).once("close", resolve);
  });
  // Exit codes: 0 found, 1 nothing found, 2 a fault, perhaps with some files only.
  if (exitCode === 2 && lines.length === 0) throw new Error(fault.trim().slice(0, 1_000));
  return { lines, tooBig: 0 };
}

async function searchByWalk(search: Search): Promise<Found> {
  const { pattern, ignoreCase, include, place, signal } = search;
  let expression: RegExp;
  try {
    expression = new RegExp(pattern, ignoreCase ? "iu" : "u");
  } catch (error) {
    const { message } = error as Error;
    throw new Error(`the pattern is not a regular expression: ${message}`, { cause: error });
  }
  const facts = await stat(place).catch(() => undefined);
  if (facts === undefined) throw new Error(`there is no file or folder ${place}`);
  const all = walkFiles(place, signal);
  const wanted = include === undefined ? all : matchingPaths(include, all);
  const matching = createMatcher(expression);
  const found: Found = { lines: [], tooBig: 0 };
  for await (const file of facts.isFile() ? [""] : wanted) {
    signal.throwIfAborted();
    const lines = await searchFile(join(place, file), matching);
    if (lines === "tooBig") found.tooBig += 1;
    else found.lines.push(...lines);
    if (found.lines.length > mostMatches) break;
  }
  return found;
}

async function searchFile(
  path: string,
  matching: (lines: readonly string[]) => number[],
): Promise<string[] | "tooBig"> {
  const facts = await stat(path).catch(() => undefined);
  if (facts === undefined) return [];
  if (facts.size > biggestFileMb * 1024 * 1024) return "tooBig";
  const text = await readFile(path, "utf8").catch(() => "");
  if (text.slice(0, 8_192).includes("\0")) return [];
  const lines = text.split("\n");
  return matching(lines).map((index) => {
    const line = lines[index] ?? "";
    return `${path}:${index + 1}:${line.slice(0, longestLine).replace(/\r$/, "")}`;
  });
}

async function findOnPath(
  program: string,
  environment: NodeJS.ProcessEnv,
): Promise<string | undefined> {
  const name = process.platform === "win32" ? `${program}.exe` : program;
  for (const folder of (environment["PATH"] ?? "").split(delimiter)) {
    const path = join(folder, name);
    const runs = await access(path, constants.X_OK).then(
      () => true,
      () => false,
    );
    if (folder !== "" && runs) return path;
  }
  return undefined;
}
