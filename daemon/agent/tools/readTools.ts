/** The tools that look at files and folders: read_file, list_dir and glob. */
import { open, readdir, stat } from "node:fs/promises";
import { join } from "node:path";
import * as z from "zod";
import { matchingPaths } from "./boundedMatch.ts";
import { fileLines } from "./fileLines.ts";
import type { FileLine } from "./fileLines.ts";
import { defineTool } from "./tool.ts";
import type { Tool, ToolWorld } from "./tool.ts";
import { walkFiles } from "./walk.ts";

const mostLines = 2_000;
const longestLine = 2_000;
/** A character takes at most four bytes. */
const mostLineBytes = 4 * longestLine;
const mostPaths = 1_000;

export function readTools(world: ToolWorld): Tool[] {
  return [readFileTool(world), listDirTool(world), globTool(world)];
}

function readFileTool({ confinement }: ToolWorld): Tool {
  return defineTool({
    name: "read_file",
    description:
      "Reads a text file of the working folder. Answers numbered lines: number, tab, text. " +
      `At most ${mostLines} lines at once; use offset and limit for the rest.`,
    kind: "read",
    input: z.object({
      path: z.string().min(1).describe("relative to the working folder, or absolute"),
      offset: z.number().int().positive().optional().describe("first line, counted from 1"),
      limit: z.number().int().positive().optional().describe("number of lines"),
    }),
    async prepare({ path, offset = 1, limit = mostLines }) {
      const file = await confinement.readable(path);
      const shown = confinement.shown(file);
      return {
        title: offset === 1 ? `Read ${shown}` : `Read ${shown} from line ${offset}`,
        subject: shown,
        locations: [{ path: file, line: offset }],
        act: async () => ({
          text: await readLines({ file, shown, offset, limit: Math.min(limit, mostLines) }),
        }),
      };
    },
  });
}

async function readLines(wanted: {
  file: string;
  shown: string;
  offset: number;
  limit: number;
}): Promise<string> {
  const { file, shown, offset, limit } = wanted;
  const facts = await stat(file).catch(() => undefined);
  if (facts === undefined) throw new Error(`there is no file ${shown}`);
  if (facts.isDirectory()) throw new Error(`${shown} is a folder: use list_dir`);
  if (!facts.isFile()) throw new Error(`${shown} is not a regular file`);
  if (await isBinary(file)) throw new Error(`${shown} is a binary file of ${facts.size} bytes`);
  const lines: string[] = [];
  let number = 0;
  let isText = true;
  for await (const line of fileLines(file, mostLineBytes)) {
    number += 1;
    if (number < offset) continue;
    if (lines.length === limit) {
      lines.push(`[more lines follow; go on with offset ${number}]`);
      break;
    }
    isText &&= isUtf8(line);
    lines.push(`${number}\t${shownLine(line)}`);
  }
  if (!isText) lines.push("[not UTF-8: each \uFFFD stands for bytes that cannot be shown]");
  if (lines.length > 0) return lines.join("\n");
  return number === 0 ? "[the file is empty]" : `[the file has only ${number} lines]`;
}

function shownLine({ bytes, isCut }: FileLine): string {
  const text = bytes.toString("utf8").replace(/\r$/, "");
  if (!isCut && text.length <= longestLine) return text;
  return `${text.slice(0, longestLine)} [line cut after ${longestLine} characters]`;
}

function isUtf8({ bytes, isCut }: FileLine): boolean {
  try {
    // A cut may split a character, so the decoder treats the text as one that continues.
    new TextDecoder("utf-8", { fatal: true }).decode(bytes, { stream: isCut });
    return true;
  } catch {
    return false;
  }
}

async function isBinary(file: string): Promise<boolean> {
  const handle = await open(file);
  try {
    const { buffer, bytesRead } = await handle.read(Buffer.alloc(8_192), 0, 8_192, 0);
    return buffer.subarray(0, bytesRead).includes(0);
  } finally {
    await handle.close();
  }
}

function listDirTool({ confinement }: ToolWorld): Tool {
  return defineTool({
    name: "list_dir",
    description: "Lists a folder: folders end with /, files have their size in bytes.",
    kind: "read",
    input: z.object({
      path: z.string().optional().describe("relative to the working folder; default: that folder"),
    }),
    async prepare({ path = "." }) {
      const folder = await confinement.readable(path);
      const shown = confinement.shown(folder);
      return {
        title: `List ${shown}`,
        subject: shown,
        locations: [{ path: folder }],
        act: async () => ({ text: await listFolder(folder, shown) }),
      };
    },
  });
}

async function listFolder(folder: string, shown: string): Promise<string> {
  const entries = await readdir(folder, { withFileTypes: true }).catch((error: unknown) => {
    const { code } = error as NodeJS.ErrnoException;
    if (code === "ENOTDIR") throw new Error(`${shown} is a file: use read_file`);
    if (code === "ENOENT") throw new Error(`there is no folder ${shown}`);
    throw error;
  });
  entries.sort((one, other) => (one.name < other.name ? -1 : 1));
  const lines = await Promise.all(
    entries.slice(0, mostPaths).map(async (entry) => {
      if (entry.isDirectory()) return `${entry.name}/`;
      const facts = await stat(join(folder, entry.name)).catch(() => undefined);
      return facts === undefined ? `${entry.name} (broken link)` : `${entry.name} ${facts.size}`;
    }),
  );
  if (entries.length > mostPaths) lines.push(`[${entries.length - mostPaths} more entries]`);
  return lines.length === 0 ? "[the folder is empty]" : lines.join("\n");
}

function globTool({ confinement }: ToolWorld): Tool {
  return defineTool({
    name: "glob",
    description:
      "Finds files by a pattern such as **/*.ts or src/*.{js,css}. What .gitignore leaves out is " +
      "not found. A pattern without / matches the file's name at any depth.",
    kind: "search",
    input: z.object({
      pattern: z.string().min(1),
      path: z.string().optional().describe("folder to look in; default: the working folder"),
    }),
    async prepare({ pattern, path = "." }) {
      const folder = await confinement.inside(path);
      return {
        title: `Find ${pattern}`,
        subject: confinement.shown(folder),
        act: async ({ signal }) => {
          const facts = await stat(folder).catch(() => undefined);
          const shown = confinement.shown(folder);
          if (facts === undefined) throw new Error(`there is no folder ${shown}`);
          if (!facts.isDirectory()) throw new Error(`${shown} is a file: give its folder as path`);
          const found: string[] = [];
          for await (const file of matchingPaths(pattern, walkFiles(folder, signal))) {
            found.push(confinement.shown(join(folder, file)));
            if (found.length === mostPaths) {
              found.push(`[only the first ${mostPaths}; use a narrower pattern]`);
              break;
            }
          }
          return { text: found.length === 0 ? "[no file matches]" : found.join("\n") };
        },
      };
    },
  });
}
