/**
 * A file of fields and a text: Markdown with YAML before it, or TOML. Knows the line of every
 * field, so that a fault can be reported with its place.
 */
import { parse as parseToml, TomlError } from "smol-toml";
import { LineCounter, parseDocument, type Document } from "yaml";

export interface FileDocument {
  fields: Record<string, unknown>;
  /** What stands below the front matter, without space around it; empty for TOML. */
  body: string;
  /** The line (1 is the first) of a field, or of the nearest one around it that there is. */
  lineOf(path: readonly PropertyKey[]): number;
}

/** Why a file cannot be used, and where; the message says what to do. */
export class DocumentFault extends Error {
  readonly line: number;

  constructor(line: number, message: string) {
    super(message);
    this.name = "DocumentFault";
    this.line = line;
  }
}

/** Throws a DocumentFault where there is no front matter, or none that can be read. */
export function parseMarkdown(text: string): FileDocument {
  const [, head, body] =
    /^---[ \t]*\r?\n([\s\S]*?)^---[ \t]*(?:\r?\n([\s\S]*))?$/m.exec(text) ?? [];
  if (head === undefined || !text.startsWith("---")) {
    const what = text.startsWith("---")
      ? "the front matter has no end"
      : "there is no front matter";
    throw new DocumentFault(
      1,
      `${what}: put the fields, such as "description: …", between two lines of "---"`,
    );
  }
  const lines = new LineCounter();
  const document = readYaml(head, lines);
  const fields: unknown = document.toJS();
  if (!isFields(fields)) {
    throw new DocumentFault(2, 'the front matter has to be fields, such as "description: …"');
  }
  return {
    // A field without a value counts as absent.
    fields: Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== null)),
    body: (body ?? "").trim(),
    lineOf(path) {
      for (let length = path.length; length > 0; length -= 1) {
        const node = document.getIn(path.slice(0, length), true) as
          { range?: number[] } | undefined;
        // The line of "---" comes before the first that the parser has seen.
        if (node?.range !== undefined) return lines.linePos(node.range[0] ?? 0).line + 1;
      }
      return 1;
    },
  };
}

/**
 * Descriptions with a colon in them are common and are no YAML, but the vendors' own readers take
 * them: what is wrong is read once more with quotes round such values.
 */
function readYaml(head: string, lines: LineCounter): Document {
  const strict = parseDocument(head, { lineCounter: lines, prettyErrors: false });
  const [fault] = strict.errors;
  if (fault === undefined) return strict;
  const quoted = head.replaceAll(
    /^([A-Za-z][\w-]*):[ \t]+([^\s"'[{|>&*!#].*(?::[ \t]|:$|[ \t]#).*)$/gm,
    (_line, name: string, value: string) => `${name}: ${JSON.stringify(value.trimEnd())}`,
  );
  lines.lineStarts.length = 0;
  const lenient = parseDocument(quoted, { lineCounter: lines, prettyErrors: false });
  if (lenient.errors.length === 0) return lenient;
  const strictLines = new LineCounter();
  parseDocument(head, { lineCounter: strictLines, prettyErrors: false });
  const { line } = strictLines.linePos(fault.pos[0]);
  throw new DocumentFault(
    line + 1,
    `the front matter is not YAML: ${fault.message}; put values with special characters in quotes`,
  );
}

/** Throws a DocumentFault for a text that is not TOML. */
export function parseTomlFile(text: string): FileDocument {
  try {
    return { fields: parseToml(text), body: "", lineOf: (path) => lineInToml(text, path) };
  } catch (error) {
    if (!(error instanceof TomlError)) throw error;
    const [reason = ""] = error.message.split("\n");
    throw new DocumentFault(error.line, `it is not TOML: ${reason.replace(/^.*?: /, "")}`);
  }
}

/** The parser gives no places, so a line with the key or the head of the table is looked for. */
function lineInToml(text: string, path: readonly PropertyKey[]): number {
  const lines = text.split("\n");
  const tables = path.map((_step, place) =>
    path
      .slice(0, place + 1)
      .map(String)
      .join("."),
  );
  for (const [place, table] of [...tables.entries()].toReversed()) {
    const key = String(path[place]);
    const found = lines.findIndex((line) => {
      const start = line.trimStart();
      return start.startsWith(`[${table}]`) || start.split("=")[0]?.trim() === key;
    });
    if (found !== -1) return found + 1;
  }
  return 1;
}

function isFields(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
