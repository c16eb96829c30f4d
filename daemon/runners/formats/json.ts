/** Reads JSON of unknown shape: a field of another type than expected counts as absent. */

export type Json = Readonly<Record<string, unknown>>;

export function isJson(value: unknown): value is Json {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** Undefined where the text is not a JSON object. */
export function parseJson(text: string): Json | undefined {
  if (!/^\s*\{/.test(text)) return undefined;
  try {
    const value: unknown = JSON.parse(text);
    return isJson(value) ? value : undefined;
  } catch {
    return undefined;
  }
}

/** The object under a name, an empty one where there is none. */
export function objectIn(json: Json, name: string): Json {
  const value = json[name];
  return isJson(value) ? value : {};
}

/** The objects of a list under a name, none where there is no list. */
export function listIn(json: Json, name: string): Json[] {
  const value = json[name];
  return Array.isArray(value) ? value.filter(isJson) : [];
}

/** The first text under these names that is not empty. */
export function textIn(json: Json, ...names: readonly string[]): string | undefined {
  for (const name of names) {
    const value = json[name];
    if (typeof value === "string" && value !== "") return value;
  }
  return undefined;
}

export function numberIn(json: Json, name: string): number | undefined {
  const value = json[name];
  return typeof value === "number" && Number.isFinite(value) ? value : undefined;
}

/** The result of a tool: texts of content blocks joined, anything else unchanged. */
export function contentOf(content: unknown): unknown {
  if (!Array.isArray(content)) return content ?? null;
  const blocks = content.filter(isJson);
  const areTexts = blocks.length > 0 && blocks.every((block) => block["type"] === "text");
  return areTexts ? blocks.map((block) => textIn(block, "text") ?? "").join("\n") : content;
}
