/** JSON Schema as a person reads it: types written as in TypeScript, fields as rows of a table. */
import { isDeepStrictEqual } from "node:util";
import type { JsonSchema } from "./protocolSchema.ts";

/** A type on one line, with links to the named ones. */
export function typeText(schema: JsonSchema): string {
  if (schema.$ref !== undefined) return linkTo(schema.$ref);
  if (schema.const !== undefined) return `\`${JSON.stringify(schema.const)}\``;
  if (schema.enum) return schema.enum.map((value) => `\`${JSON.stringify(value)}\``).join(" | ");
  const variants = schema.anyOf ?? schema.oneOf;
  if (variants) return variants.map(typeText).join(" | ");
  if (schema.type === "array") return arrayText(schema.items ?? {});
  if (schema.type === "object") return objectText(schema);
  if (Array.isArray(schema.type)) return schema.type.join(" | ");
  return `${schema.type ?? "any"}${boundsText(schema)}`;
}

function boundsText({ minimum, exclusiveMinimum, maximum }: JsonSchema): string {
  if (minimum !== undefined && maximum !== undefined) return ` (${minimum} to ${maximum})`;
  if (minimum !== undefined) return ` ≥ ${minimum}`;
  return exclusiveMinimum === undefined ? "" : ` > ${exclusiveMinimum}`;
}

function linkTo(reference: string): string {
  const name = reference.replace("#/$defs/", "");
  return `[${name}](#${name.toLowerCase()})`;
}

function arrayText(items: JsonSchema): string {
  const text = typeText(items);
  return text.includes(" | ") ? `(${text})[]` : `${text}[]`;
}

function objectText(schema: JsonSchema): string {
  if (typeof schema.additionalProperties === "object" && schema.properties === undefined) {
    return `{ [name]: ${typeText(schema.additionalProperties)} }`;
  }
  const fields = fieldsOf(schema).map((field) => `${nameText(field)}: ${typeText(field.schema)}`);
  return fields.length === 0 ? "{}" : `{ ${fields.join(", ")} }`;
}

interface Field {
  name: string;
  required: boolean;
  schema: JsonSchema;
}

const nameText = ({ name, required }: Field) => (required ? name : `${name}?`);

function fieldsOf(schema: JsonSchema): Field[] {
  return Object.entries(schema.properties ?? {}).map(([name, field]) => ({
    name,
    required: schema.required?.includes(name) ?? false,
    schema: field,
  }));
}

/** Rows of [field, type, required, description]; fields of nested objects follow as `outer.inner`. */
export function fieldRows(schema: JsonSchema): string[][] {
  return rowsOf(fieldsOf(schema));
}

function rowsOf(fields: Field[], prefix = ""): string[][] {
  return fields.flatMap(({ name, required, schema }) => {
    const path = `${prefix}${name}`;
    const nested = nestedIn(schema);
    const row = [
      `\`${path}\``,
      nested === undefined ? typeText(schema) : `object${nested.suffix}${orNull(schema)}`,
      required ? "yes" : "",
      schema.description ?? "",
    ];
    if (nested === undefined) return [row];
    return [row, ...rowsOf(fieldsOf(nested.object), `${path}${nested.suffix}.`)];
  });
}

function orNull(schema: JsonSchema): string {
  return schema.anyOf?.some(({ type }) => type === "null") ? " | null" : "";
}

/** The object with fields of its own that stands in a field: itself, or as the items of an array. */
function nestedIn(schema: JsonSchema): { object: JsonSchema; suffix: string } | undefined {
  if (schema.properties !== undefined) return { object: schema, suffix: "" };
  if (schema.items?.properties !== undefined) return { object: schema.items, suffix: "[]" };
  const [only, ...others] = schema.anyOf?.filter(({ type }) => type !== "null") ?? [];
  return only === undefined || others.length > 0 ? undefined : nestedIn(only);
}

/** The field that is another constant in every variant, if these are variants of a tagged union. */
export function tagOf(variants: JsonSchema[]): string | undefined {
  const [first] = variants;
  return Object.keys(first?.properties ?? {}).find((name) =>
    variants.every(({ properties }) => properties?.[name]?.const !== undefined),
  );
}

/** The fields that all variants share, and a row of [tag values, fields] for each kind of the rest. */
export function variantRows(
  variants: JsonSchema[],
  tag: string,
): { common: string[][]; rows: string[][] } {
  const fieldsOfEach = variants.map((variant) => ({
    tagValue: `\`${String(variant.properties?.[tag]?.const)}\``,
    fields: fieldsOf(variant).filter(({ name }) => name !== tag),
  }));
  const isCommon = (field: Field) =>
    fieldsOfEach.every(({ fields }) => fields.some((other) => isDeepStrictEqual(other, field)));

  const tagsByFields = new Map<string, string[]>();
  for (const { tagValue, fields } of fieldsOfEach) {
    const text = fields
      .filter((field) => !isCommon(field))
      .map(fieldText)
      .join("<br>");
    tagsByFields.set(text, [...(tagsByFields.get(text) ?? []), tagValue]);
  }
  const common = fieldsOfEach[0]?.fields.filter(isCommon) ?? [];
  return {
    common: rowsOf(common),
    rows: [...tagsByFields].map(([text, tags]) => [tags.join(", "), text]),
  };
}

function fieldText(field: Field): string {
  const description = field.schema.description;
  const type = typeText(field.schema);
  return `\`${nameText(field)}\`: ${type}${description === undefined ? "" : ` (${description})`}`;
}
