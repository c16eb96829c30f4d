/**
 * `node scripts/manifestSchemas.ts` writes the schemas that package.json has to repeat: those of the
 * settings and of the language model tools. Their one home is the protocol and the tools themselves;
 * a test fails while package.json has other schemas.
 */
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import * as z from "zod";
import { AgentProfile } from "../protocol/config.ts";
import { Limits } from "../protocol/session.ts";
import { createSubAgentTools } from "../extension/chatTools/subAgentTools.ts";

type Json = Record<string, unknown>;

export interface Manifest {
  contributes: {
    configuration: { properties: Record<string, Json> };
    languageModelTools: (Json & { name: string; inputSchema?: Json })[];
  };
}

/** The manifest with the present schemas. */
export function withSchemas<Found extends Manifest>(manifest: Found): Found {
  const { configuration, languageModelTools } = manifest.contributes;
  const inputs = new Map(createSubAgentTools(noServices).map(({ name, input }) => [name, input]));
  const { properties } = configuration;
  const { properties: limits, additionalProperties } = schemaOf(z.strictObject(Limits.shape));
  return {
    ...manifest,
    contributes: {
      ...manifest.contributes,
      configuration: {
        ...configuration,
        properties: {
          ...properties,
          "offshoot.agents": { ...properties["offshoot.agents"], items: agentSchema() },
          "offshoot.limits": {
            ...properties["offshoot.limits"],
            properties: limits,
            additionalProperties,
          },
        },
      },
      languageModelTools: languageModelTools.map((tool) => {
        const input = inputs.get(tool.name);
        return input === undefined ? tool : { ...tool, inputSchema: schemaOf(input) };
      }),
    },
  };
}

/** The agent that the editor inserts when a person adds one to the settings. */
function agentSchema(): Json {
  const program = { kind: "command", command: "${2:program}", args: ["{prompt}"] };
  const body = { name: "${1:name}", runner: program };
  return { ...schemaOf(AgentProfile), defaultSnippets: [{ label: "A program as agent", body }] };
}

/** The schema without references, because a part of a manifest has no root to refer to. */
function schemaOf(type: z.ZodType): Json {
  const { $schema: _version, $defs = {}, ...schema } = z.toJSONSchema(type, { io: "input" });
  return inlined(schema, $defs) as Json;
}

function inlined(value: unknown, definitions: Record<string, unknown>): unknown {
  if (Array.isArray(value)) return value.map((one) => inlined(one, definitions));
  if (typeof value !== "object" || value === null) return value;
  const { $ref, exclusiveMinimum, ...own } = value as Json;
  // Some models understand no bound but `minimum`.
  if (exclusiveMinimum === 0 && own["type"] === "integer") own["minimum"] = 1;
  const referred = typeof $ref === "string" ? definitions[$ref.replace("#/$defs/", "")] : {};
  const entries = Object.entries({ ...(referred as Json), ...own });
  return Object.fromEntries(
    entries
      .filter(([name, one]) => name !== "id" && one !== Number.MAX_SAFE_INTEGER)
      .map(([name, one]) => [name, inlined(one, definitions)]),
  );
}

/** Only the schemas of the tools are used, and no tool is called. */
const noServices: Parameters<typeof createSubAgentTools>[0] = {
  client: { call: () => Promise.reject(new Error("there is no daemon")) },
  model: { get: () => undefined, all: () => [], subtree: () => [] },
  folder: () => undefined,
};

if (process.argv[1] === import.meta.filename) {
  const file = join(import.meta.dirname, "..", "package.json");
  const manifest = JSON.parse(readFileSync(file, "utf8")) as Manifest;
  writeFileSync(file, `${JSON.stringify(withSchemas(manifest), null, 2)}\n`);
}
