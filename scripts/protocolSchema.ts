/** The whole protocol as one JSON Schema (2020-12), derived from the zod schemas. */
import * as z from "zod";
import * as approvals from "../protocol/approvals.ts";
import * as config from "../protocol/config.ts";
import { errors } from "../protocol/errors.ts";
import * as events from "../protocol/events.ts";
import * as daemon from "../protocol/daemon.ts";
import * as messages from "../protocol/messages.ts";
import * as models from "../protocol/models.ts";
import * as session from "../protocol/session.ts";
import { PROTOCOL_VERSION } from "../protocol/version.ts";

/** As much of a JSON Schema as zod writes for the protocol. */
export interface JsonSchema {
  $ref?: string;
  description?: string;
  type?: string | string[];
  const?: unknown;
  enum?: unknown[];
  anyOf?: JsonSchema[];
  oneOf?: JsonSchema[];
  minimum?: number;
  exclusiveMinimum?: number;
  maximum?: number;
  items?: JsonSchema;
  properties?: Record<string, JsonSchema>;
  required?: string[];
  additionalProperties?: boolean | JsonSchema;
}

type Reference = { $ref: string };

/** The `x-` members say which definition belongs to which method; validators ignore them. */
export interface ProtocolSchema {
  $schema: string;
  title: string;
  "x-protocolVersion": number;
  "x-requests": Record<string, { params: Reference; result: Reference; description: string }>;
  "x-notifications": Record<string, { params: Reference; description: string }>;
  "x-clientNotifications": Record<string, { params: Reference; description: string }>;
  "x-clientRequests": Record<string, { params: Reference; result: Reference; description: string }>;
  "x-errors": Record<string, Reference>;
  $defs: Record<string, JsonSchema>;
}

export function protocolSchema(): ProtocolSchema {
  const definitions = new Map<string, JsonSchema>();
  const define = (name: string, schema: z.ZodType): Reference => {
    definitions.set(name, toJsonSchema(schema, name));
    return { $ref: `#/$defs/${name}` };
  };

  for (const module of [session, events, config, approvals, models, daemon, messages]) {
    for (const [name, value] of Object.entries(module)) {
      // Keys of the module object, so that a schema keeps the name that TypeScript knows it by.
      if (value instanceof z.ZodType) define(name, value);
    }
  }
  const parts = {
    "x-requests": mapEntries(messages.requests, (method, { params, result, doc }) => ({
      params: define(`${definitionName(method)}Params`, params),
      result: define(`${definitionName(method)}Result`, result),
      description: doc,
    })),
    "x-notifications": mapEntries(messages.notifications, (method, { params, doc }) => ({
      params: define(`${definitionName(method)}Params`, params),
      description: doc,
    })),
    "x-clientNotifications": mapEntries(messages.clientNotifications, (method, entry) => ({
      params: define(`${definitionName(method)}Params`, entry.params),
      description: entry.doc,
    })),
    "x-clientRequests": mapEntries(models.clientRequests, (method, { params, result, doc }) => ({
      params: define(`${definitionName(method)}Params`, params),
      result: define(`${definitionName(method)}Result`, result),
      description: doc,
    })),
    "x-errors": mapEntries(errors, (kind, { code, data, when }) =>
      define(`${definitionName(kind)}Error`, errorSchema(kind, code, data, when)),
    ),
  };

  return {
    $schema: "https://json-schema.org/draft/2020-12/schema",
    title: "The Offshoot protocol",
    "x-protocolVersion": PROTOCOL_VERSION,
    ...parts,
    $defs: Object.fromEntries([...definitions].toSorted(([a], [b]) => (a < b ? -1 : 1))),
  };
}

function errorSchema(kind: string, code: number, data: z.ZodObject, when: string): z.ZodType {
  return z
    .object({
      code: z.literal(code),
      message: z.string(),
      data: data.extend({ kind: z.literal(kind) }),
    })
    .describe(when);
}

/** `session/spawn` → `SessionSpawn`, `$/cancelRequest` → `CancelRequest`. */
export function definitionName(method: string): string {
  return method
    .split(/[^A-Za-z]+/)
    .map((word) => word.slice(0, 1).toUpperCase() + word.slice(1))
    .join("");
}

/**
 * One schema, in which others that have a name are references. In the sense of "what one may
 * send", so that an object is open to fields that a later version adds.
 */
function toJsonSchema(schema: z.ZodType, name: string): JsonSchema {
  const id = schema.meta()?.id;
  if (id !== undefined && id !== name) return { $ref: `#/$defs/${id}` };
  const whole = z.toJSONSchema(schema, {
    io: "input",
    unrepresentable: "throw",
    override: ({ jsonSchema }) => {
      delete jsonSchema.id;
      // The bounds of what JavaScript counts exactly say nothing about the protocol.
      if (jsonSchema.minimum === Number.MIN_SAFE_INTEGER) delete jsonSchema.minimum;
      if (jsonSchema.maximum === Number.MAX_SAFE_INTEGER) delete jsonSchema.maximum;
    },
  });
  // zod writes a schema that has an id as a reference to itself, and the body beside it.
  const definition = whole.$defs?.[name] ?? whole;
  // Stated once for everything, and defined under their own names.
  delete definition.$schema;
  delete definition.$defs;
  return definition as JsonSchema;
}

function mapEntries<Value, Mapped>(
  table: Record<string, Value>,
  map: (name: string, value: Value) => Mapped,
): Record<string, Mapped> {
  return Object.fromEntries(Object.entries(table).map(([name, value]) => [name, map(name, value)]));
}
