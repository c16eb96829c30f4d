/**
 * Reads the changes of files from inputs of tools: diffs, old and new texts, whole files. Each agent
 * has field names of its own for them. Pure.
 */

/** A change of one file. Only a diff may come without a path, and name the file itself. */
export type InputChange =
  | { form: "diff"; path: string | undefined; diff: string }
  | { form: "replacements"; path: string; replacements: Replacement[] }
  | { form: "whole"; path: string; newText: string };

export interface Replacement {
  oldText: string;
  newText: string;
  /** Replaces every occurrence, not only the first. */
  all: boolean;
}

type Fields = Readonly<Record<string, unknown>>;

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
function listOf(value: unknown): Fields[] {
  const list: unknown[] = Array.isArray(value) ? value : [];
  return list.map(fieldsOf).filter((one) => one !== undefined);
}

/** The text of the first field with one of the names for this. */
export function textIn(fields: Fields, what: keyof typeof names): string | undefined {
  return names[what].map((name) => fields[name]).find((value) => typeof value === "string");
}

export function changesIn(fields: Fields): InputChange[] {
  const path = textIn(fields, "path");
  const diff = textIn(fields, "diff");
  if (diff !== undefined) return [{ form: "diff", path, diff }];
  const several = fields["diffs"] ?? fields["changes"];
  if (several !== undefined) return severalChanges(several);
  if (path === undefined) return listOf(fields["edits"]).flatMap(changesIn);
  const replacements = listOf(fields["edits"] ?? [fields]).flatMap(replacementOf);
  if (replacements.length > 0) return [{ form: "replacements", path, replacements }];
  const newText = textIn(fields, "wholeText");
  return newText === undefined ? [] : [{ form: "whole", path, newText }];
}

/** A list of changes, or an object with a change for each path. */
function severalChanges(several: unknown): InputChange[] {
  if (Array.isArray(several)) return listOf(several).flatMap(changesIn);
  return Object.entries(fieldsOf(several) ?? {}).flatMap(([path, change]) => {
    // { "a.ts": { "update": { "unified_diff": … } } }
    const inner = Object.values(fieldsOf(change) ?? {}).flatMap((value) => fieldsOf(value) ?? []);
    return changesIn(Object.assign({}, fieldsOf(change), ...inner, { path }) as Fields);
  });
}

function replacementOf(fields: Fields): Replacement[] {
  // A file that is made has null as its old text.
  const isNew = names.oldText.some((name) => fields[name] === null);
  const oldText = textIn(fields, "oldText") ?? (isNew ? "" : undefined);
  const newText = textIn(fields, "newText");
  if (oldText === undefined || newText === undefined) return [];
  const all = fields["all"] === true || fields["replace_all"] === true;
  return [{ oldText, newText, all }];
}
