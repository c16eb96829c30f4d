/** docs/protocol.md: the protocol for people, written from the method table and its JSON Schema. */
import { errors, standardErrors } from "../protocol/errors.ts";
import { protocolGuide } from "./protocolGuide.ts";
import { definitionName, type JsonSchema, type ProtocolSchema } from "./protocolSchema.ts";
import { fieldRows, tagOf, typeText, variantRows } from "./protocolTypes.ts";

/** Types with a chapter of their own; "Other types" leaves them out. */
const chapters = ["AgentEvent", "Session", "Config"];

export function protocolReference(schema: ProtocolSchema): string {
  const sections = [
    "<!-- Written by `npm run schema` from protocol/*.ts. Do not edit. -->",
    `# The Offshoot protocol, version ${schema["x-protocolVersion"]}`,
    protocolGuide,
    "## Requests, client → daemon",
    ...requestSections(schema, schema["x-requests"]),
    "## Notifications, daemon → client",
    ...notificationSections(schema, schema["x-notifications"]),
    "## Notifications, client → daemon",
    ...notificationSections(schema, schema["x-clientNotifications"]),
    "## Requests, daemon → client",
    ...requestSections(schema, schema["x-clientRequests"]),
    "## Errors",
    errorTable(schema),
    "## AgentEvent",
    shapeOf(schema, "AgentEvent"),
    "## Session",
    shapeOf(schema, "Session"),
    "## Config",
    shapeOf(schema, "Config"),
    "## Other types",
    ...otherTypes(schema).flatMap((name) => [`### ${name}`, shapeOf(schema, name)]),
  ];
  return `${sections.join("\n\n")}\n`;
}

function requestSections(schema: ProtocolSchema, methods: ProtocolSchema["x-requests"]): string[] {
  return Object.entries(methods).flatMap(([method, { description }]) => [
    `### \`${method}\``,
    description,
    ...labelled("Params", shapeOf(schema, `${definitionName(method)}Params`)),
    ...labelled("Result", shapeOf(schema, `${definitionName(method)}Result`)),
  ]);
}

function labelled(label: string, text: string): string[] {
  return text.includes("\n") ? [`${label}:`, text] : [`${label}: ${text}`];
}

function notificationSections(
  schema: ProtocolSchema,
  methods: ProtocolSchema["x-notifications"],
): string[] {
  return Object.entries(methods).flatMap(([method, { description }]) => [
    `### \`${method}\``,
    description,
    shapeOf(schema, `${definitionName(method)}Params`),
  ]);
}

/** One definition: its description, then a table of its fields, its variants, or its type. */
function shapeOf(schema: ProtocolSchema, name: string): string {
  const definition = schema.$defs[name];
  if (definition === undefined) throw new Error(`no definition of ${name}`);
  return [definition.description, shape(definition)]
    .filter((part) => part !== undefined)
    .join("\n\n");
}

function shape(definition: JsonSchema): string {
  const variants = definition.oneOf ?? [];
  const tag = tagOf(variants);
  if (tag !== undefined) {
    const { common, rows } = variantRows(variants, tag);
    const shared = common.length === 0 ? [] : ["In every variant:", fieldTable(common)];
    return [...shared, table([`\`${tag}\``, "fields"], rows)].join("\n\n");
  }
  const rows = fieldRows(definition);
  return rows.length === 0 ? typeText(definition) : fieldTable(rows);
}

const fieldTable = (rows: string[][]) => table(["field", "type", "required", "description"], rows);

function errorTable(schema: ProtocolSchema): string {
  const own = Object.entries(errors).map(([kind, { code, when }]) => {
    const data = schema.$defs[`${definitionName(kind)}Error`]?.properties?.["data"];
    const { kind: _shownBefore, ...facts } = data?.properties ?? {};
    return [`${code}`, `\`${kind}\``, when, typeText({ ...data, properties: facts })];
  });
  const standard = Object.entries(standardErrors).map(([kind, code]) => [
    `${code}`,
    kind,
    "as JSON-RPC and the Language Server Protocol define it",
    "",
  ]);
  return table(["code", "`data.kind`", "when", "other fields of `data`"], [...own, ...standard]);
}

/** The named types, without the params, results and errors that are shown with their methods. */
function otherTypes(schema: ProtocolSchema): string[] {
  const methods = [
    schema["x-requests"],
    schema["x-notifications"],
    schema["x-clientNotifications"],
    schema["x-clientRequests"],
    schema["x-errors"],
  ].flatMap((part) => Object.keys(part).map(definitionName));
  const shown = new Set([
    ...chapters,
    ...methods.flatMap((name) => [`${name}Params`, `${name}Result`, `${name}Error`]),
  ]);
  return Object.keys(schema.$defs).filter((name) => !shown.has(name));
}

function table(head: string[], rows: string[][]): string {
  const line = (cells: string[]) =>
    `| ${cells.map((cell) => cell.replaceAll("|", "\\|")).join(" | ")} |`;
  return [line(head), line(head.map(() => "---")), ...rows.map(line)].join("\n");
}
