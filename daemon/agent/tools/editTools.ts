/** The tools that change files: edit_file and write_file. Both show their change as a diff. */
import { mkdir, readFile, stat, writeFile } from "node:fs/promises";
import { dirname } from "node:path";
import type { ToolCallContent } from "@agentclientprotocol/sdk";
import { createTwoFilesPatch } from "diff";
import * as z from "zod";
import { defineTool } from "./tool.ts";
import type { Tool, ToolWorld } from "./tool.ts";

const biggestFile = 4 * 1024 * 1024;

export function editTools(world: ToolWorld): Tool[] {
  const oneByOne = createQueue();
  return [editFileTool(world, oneByOne), writeFileTool(world, oneByOne)];
}

type Queue = <Result>(work: () => Promise<Result>) => Promise<Result>;

/**
 * Edits of one file run one after the other, so that two in one turn do not overwrite each other.
 */
function createQueue(): Queue {
  let last: Promise<unknown> = Promise.resolve();
  return (work) => {
    const next = last.then(work);
    last = next.catch(() => undefined);
    return next;
  };
}

interface Edit {
  oldText: string;
  newText: string;
  all: boolean;
}

function editFileTool({ confinement }: ToolWorld, oneByOne: Queue): Tool {
  return defineTool({
    name: "edit_file",
    description:
      "Replaces a piece of a file. oldText must be in the file exactly as given, with its spaces " +
      "and line ends, and only once unless all is true. The numbers that read_file puts before " +
      "the lines are no part of the text.",
    kind: "edit",
    input: z.object({
      path: z.string().min(1),
      oldText: z.string().min(1).describe("the text to replace"),
      newText: z.string().describe("the text to put there"),
      all: z.boolean().optional().describe("replace every occurrence; default: false"),
    }),
    async prepare({ path, oldText, newText, all = false }) {
      const file = await confinement.inside(path);
      const shown = confinement.shown(file);
      const edit = { oldText, newText, all };
      const before = await readText(file, shown);
      const after = applyEdit(before, edit, shown);
      return {
        title: `Edit ${shown}`,
        subject: shown,
        locations: [{ path: file, line: lineOf(before, oldText) }],
        content: diffContent(file, before, after),
        act: () =>
          oneByOne(async () => {
            // The file may have changed while a person was asked.
            const current = await readText(file, shown);
            const changed = applyEdit(current, edit, shown);
            await writeFile(file, changed);
            return {
              text: patchOf(shown, current, changed),
              content: diffContent(file, current, changed),
            };
          }),
      };
    },
  });
}

function writeFileTool({ confinement }: ToolWorld, oneByOne: Queue): Tool {
  return defineTool({
    name: "write_file",
    description:
      "Writes a whole file, and the folders above it. What is there is replaced: prefer edit_file " +
      "for a file that exists.",
    kind: "edit",
    input: z.object({ path: z.string().min(1), content: z.string() }),
    async prepare({ path, content }) {
      const file = await confinement.inside(path);
      const shown = confinement.shown(file);
      const before = await readTextIfThere(file, shown);
      return {
        title: before === undefined ? `Create ${shown}` : `Overwrite ${shown}`,
        subject: shown,
        locations: [{ path: file }],
        content: diffContent(file, before, content),
        act: () =>
          oneByOne(async () => {
            await mkdir(dirname(file), { recursive: true });
            await writeFile(file, content);
            const what = before === undefined ? "created" : "overwritten";
            return {
              text: `${shown} ${what}: ${Buffer.byteLength(content)} bytes`,
              content: diffContent(file, before, content),
            };
          }),
      };
    },
  });
}

/** Throws where the text is missing, occurs more than once, or nothing would change. */
function applyEdit(text: string, { oldText, newText, all }: Edit, shown: string): string {
  if (oldText === newText) throw new Error("oldText and newText are the same");
  const pieces = text.split(oldText);
  const places = pieces.length - 1;
  if (places === 0) throw new Error(`oldText is not in ${shown}${hintFor(text, oldText)}`);
  if (places > 1 && !all) {
    throw new Error(
      `oldText is in ${shown} ${places} times: give more of the text around it, or set all`,
    );
  }
  return pieces.join(newText);
}

/** Explains why a text that looks right was not found. */
function hintFor(text: string, wanted: string): string {
  if (text.includes("\r\n") && text.includes(wanted.replaceAll("\n", "\r\n"))) {
    return ": its lines end with \\r\\n";
  }
  const withoutSpaces = (value: string) => value.replaceAll(/\s+/g, "");
  if (withoutSpaces(text).includes(withoutSpaces(wanted))) {
    return ": there is such a text with other spaces or line ends; read the file again";
  }
  return ": read the file again";
}

async function readText(file: string, shown: string): Promise<string> {
  const text = await readTextIfThere(file, shown);
  if (text === undefined) throw new Error(`there is no file ${shown}: use write_file`);
  return text;
}

async function readTextIfThere(file: string, shown: string): Promise<string | undefined> {
  const facts = await stat(file).catch(() => undefined);
  if (facts === undefined) return undefined;
  if (!facts.isFile()) throw new Error(`${shown} is not a file`);
  if (facts.size > biggestFile) throw new Error(`${shown} is too big: ${facts.size} bytes`);
  const bytes = await readFile(file);
  const text = bytes.toString("utf8");
  if (bytes.includes(0) || !Buffer.from(text).equals(bytes)) {
    throw new Error(`${shown} is not text in UTF-8`);
  }
  return text;
}

function lineOf(text: string, piece: string): number {
  return text.slice(0, text.indexOf(piece)).split("\n").length;
}

function diffContent(path: string, before: string | undefined, newText: string): ToolCallContent[] {
  return [{ type: "diff", path, oldText: before ?? null, newText }];
}

function patchOf(shown: string, before: string, after: string): string {
  return createTwoFilesPatch(shown, shown, before, after, "", "", { context: 2 });
}
