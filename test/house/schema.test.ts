/** What clients in other languages are given: a valid schema, complete, and never out of date. */
import assert from "node:assert/strict";
import { appendFileSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { errors } from "../../protocol/errors.ts";
import { clientNotifications, notifications, requests } from "../../protocol/messages.ts";
import { definitionName, protocolSchema, type JsonSchema } from "../../scripts/protocolSchema.ts";
import { checkLeaks } from "../support/leaks.ts";
import { repository, runProgram } from "../support/repository.ts";
import { testFolder } from "../support/testFolder.ts";

type Check = (value: unknown) => boolean;

const isString: Check = (value) => typeof value === "string";
const isNumber: Check = (value) => typeof value === "number";
const isCount: Check = (value) => Number.isInteger(value) && Number(value) >= 0;
const isAny: Check = () => true;
const listOf = (check: Check, value: unknown) => Array.isArray(value) && value.every(check);
const types = ["null", "boolean", "object", "array", "number", "integer", "string"];
const isType: Check = (value) => types.includes(String(value));
const isSchemaMap: Check = (value) =>
  value !== null && typeof value === "object" && Object.values(value).every(isSchema);

/** The keywords of JSON Schema 2020-12 that zod uses here, and what the meta-schema wants of each. */
const keywords: Record<string, Check> = {
  $ref: isString,
  description: isString,
  type: (value) => isType(value) || (listOf(isType, value) && new Set(value as []).size > 0),
  const: isAny,
  enum: (value) => listOf(isAny, value) && new Set(value as []).size === (value as []).length,
  anyOf: (value) => listOf(isSchema, value) && (value as []).length > 0,
  oneOf: (value) => listOf(isSchema, value) && (value as []).length > 0,
  items: isSchema,
  minItems: isCount,
  maxItems: isCount,
  properties: isSchemaMap,
  propertyNames: isSchema,
  required: (value) =>
    listOf(isString, value) && new Set(value as []).size === (value as []).length,
  additionalProperties: isSchema,
  minimum: isNumber,
  maximum: isNumber,
  exclusiveMinimum: isNumber,
  exclusiveMaximum: isNumber,
  minLength: isCount,
  maxLength: isCount,
  pattern: isString,
  format: isString,
};

function isSchema(value: unknown): boolean {
  if (typeof value === "boolean") return true;
  if (value === null || typeof value !== "object") return false;
  return Object.entries(value).every(([keyword, operand]) => keywords[keyword]?.(operand) ?? false);
}

/** Every schema inside a schema, itself included. */
function* schemasIn(schema: JsonSchema | boolean | undefined): Generator<JsonSchema> {
  if (typeof schema !== "object") return;
  yield schema;
  const parts = [
    ...(schema.anyOf ?? []),
    ...(schema.oneOf ?? []),
    ...Object.values(schema.properties ?? {}),
    schema.items,
    schema.additionalProperties,
  ];
  for (const part of parts) yield* schemasIn(part);
}

describe("protocol/schema.json", () => {
  checkLeaks();

  let folder: string;
  before(() => {
    folder = mkdtempSync(join(testFolder, "schema-"));
  });
  after(() => rmSync(folder, { recursive: true }));

  const text = readFileSync(join(repository, "protocol/schema.json"), "utf8");
  const schema = JSON.parse(text) as ReturnType<typeof protocolSchema>;

  it("says that it is JSON Schema 2020-12, and keeps to it", () => {
    assert.equal(schema.$schema, "https://json-schema.org/draft/2020-12/schema");
    const invalid = Object.entries(schema.$defs).filter(([, definition]) => !isSchema(definition));
    assert.deepEqual(invalid, []);
  });

  it("has a definition for every reference", () => {
    const references = [
      ...Object.values(schema.$defs).flatMap((definition) => [...schemasIn(definition)]),
      ...Object.values(schema["x-requests"]).flatMap(({ params, result }) => [params, result]),
      ...Object.values(schema["x-notifications"]).map(({ params }) => params),
      ...Object.values(schema["x-clientNotifications"]).map(({ params }) => params),
      ...Object.values(schema["x-errors"]),
    ].flatMap(({ $ref }) => ($ref === undefined ? [] : [$ref]));
    assert.ok(references.length > 100);
    const known = new Set(Object.keys(schema.$defs).map((name) => `#/$defs/${name}`));
    assert.deepEqual(
      references.filter((reference) => !known.has(reference)),
      [],
    );
  });

  it("requires no field that it does not describe", () => {
    for (const [name, definition] of Object.entries(schema.$defs)) {
      for (const { properties = {}, required = [] } of schemasIn(definition)) {
        assert.deepEqual(
          required.filter((field) => !(field in properties)),
          [],
          name,
        );
      }
    }
  });

  it("has params and result of every method, and every error", () => {
    const expected = [
      ...Object.keys(requests).flatMap((method) => [
        `${definitionName(method)}Params`,
        `${definitionName(method)}Result`,
      ]),
      ...[...Object.keys(notifications), ...Object.keys(clientNotifications)].map(
        (method) => `${definitionName(method)}Params`,
      ),
      ...Object.keys(errors).map((kind) => `${definitionName(kind)}Error`),
    ];
    assert.equal(new Set(expected).size, expected.length, "two methods would share a definition");
    assert.deepEqual(
      expected.filter((name) => !(name in schema.$defs)),
      [],
    );
    const { code, data } = schema.$defs["OverloadedError"]?.properties ?? {};
    assert.equal(code?.const, 1007);
    assert.equal(data?.properties?.["kind"]?.const, "overloaded");
    assert.ok(text.endsWith("}\n"));
  });

  it("leaves what the core sends open to fields that a later version adds", () => {
    for (const name of ["Session", "AgentEvent", "SessionListResult", "DaemonStatus"]) {
      const closed = [...schemasIn(schema.$defs[name])].filter(
        ({ additionalProperties }) => additionalProperties === false,
      );
      assert.deepEqual(closed, [], name);
    }
  });

  it("is noticed when it is out of date, and so is the reference", async () => {
    const check = () => runProgram("node", ["scripts/schema.ts", "--check", folder]);
    const files = ["protocol/schema.json", "docs/protocol.md"];
    const stale = (file: string) =>
      `${file} is not up to date with protocol/*.ts: run "npm run schema".\n`;

    assert.deepEqual(await check(), { exitCode: 1, output: files.map(stale).join("") });
    await runProgram("node", ["scripts/schema.ts", folder]);
    assert.deepEqual(await check(), { exitCode: 0, output: "" });
    appendFileSync(join(folder, "docs/protocol.md"), "\n");
    assert.deepEqual(await check(), { exitCode: 1, output: stale("docs/protocol.md") });
  });
});

describe("docs/protocol.md", () => {
  checkLeaks();

  const text = readFileSync(join(repository, "docs/protocol.md"), "utf8");

  it("has a section for every method and a line for every error", () => {
    const methods = [requests, notifications, clientNotifications].flatMap((table) =>
      Object.keys(table),
    );
    assert.deepEqual(
      methods.filter((method) => !text.includes(`\n### \`${method}\`\n`)),
      [],
    );
    const codes = Object.entries(errors).map(([kind, { code }]) => `\n| ${code} | \`${kind}\` |`);
    assert.deepEqual(
      codes.filter((line) => !text.includes(line)),
      [],
    );
  });

  it("has a heading for every link", () => {
    const headings = [...text.matchAll(/^#+ (.*)$/gm)].map(([, heading = ""]) =>
      heading.toLowerCase(),
    );
    const links = [...text.matchAll(/\]\(#([^)]*)\)/g)].map(([, anchor = ""]) => anchor);
    assert.ok(links.length > 50);
    assert.deepEqual(
      links.filter((anchor) => !headings.includes(anchor)),
      [],
    );
  });
});
