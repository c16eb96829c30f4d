/** Reads inputs of tools. Each agent has field names of its own for the changes of a file. Pure. */

export type Fields = Readonly<Record<string, unknown>>;

const names = {
  path: ["path", "file_path", "filePath", "absolute_path", "abs_path", "notebook_path"],
  oldText: ["oldText", "old_text", "old_string", "oldString", "old_str"],
  newText: ["newText", "new_text", "new_string", "newString", "new_str"],
  wholeText: ["content", "contents", "new_source", "file_text"],
  diff: ["diff", "unified_diff", "patch"],
} as const;

export function fieldsOf(value: unknown): Fields | undefined {
  const isObject = typeof value === "object" && value !== null && !Array.isArray(value);
  return isObject ? (value as Fields) : undefined;
}

/** The objects in a list; none where the value is no list. */
export function listOf(value: unknown): Fields[] {
  const list: unknown[] = Array.isArray(value) ? value : [];
  return list.map(fieldsOf).filter((one) => one !== undefined);
}

/** The text of the first field with one of the names for this. */
export function textIn(fields: Fields, what: keyof typeof names): string | undefined {
  return names[what].map((name) => fields[name]).find((value) => typeof value === "string");
}

export function isNullIn(fields: Fields, what: keyof typeof names): boolean {
  return names[what].some((name) => fields[name] === null);
}
