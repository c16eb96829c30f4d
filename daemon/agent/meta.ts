/**
 * What Offshoot's built-in agent adds to the Agent Client Protocol: the facts that a client may
 * send under `_meta.offshoot`. A client that knows nothing of them gets a working agent as well.
 */
import * as z from "zod";
import { Config, Permissions } from "../../protocol/config.ts";
import { Limits } from "../../protocol/session.ts";
import { invalidParams } from "./requestErrors.ts";

export type Meta = Record<string, unknown> | null | undefined;

/** With `session/new` and `session/load`. */
export const SessionMeta = z.object({
  model: z.string().optional().describe("provider/model; the environment's OFFSHOOT_MODEL"),
  prompt: z.string().optional().describe("instructions that come before the conversation"),
  tools: z.array(z.string()).optional().describe("names, with * at the end for many; all"),
  permissions: Permissions.optional(),
  limits: Limits.optional(),
  grantsTurns: z.boolean().optional().describe("the client is asked before each turn"),
  providers: Config.shape.providers,
  apiKey: z.string().optional().describe("of the model's provider, before the environment's"),
  instructions: z.string().optional().describe("of the project, such as its AGENTS.md"),
  skills: z
    .array(z.object({ name: z.string(), description: z.string(), file: z.string() }))
    .optional()
    .describe("these and no others; those of the working folder and the home folder"),
  history: z
    .array(z.object({ role: z.enum(["user", "assistant"]), text: z.string() }))
    .optional()
    .describe("the conversation so far, oldest first"),
  stateDir: z.string().optional().describe("folder of session files and of long tool outputs"),
  contextWindow: z.number().int().positive().optional().describe("tokens; known per model family"),
  environment: z
    .record(z.string(), z.string())
    .optional()
    .describe("all that commands get; the agent's own without the keys"),
  serverEnvironment: z
    .record(z.string(), z.string())
    .optional()
    .describe("all that MCP servers get besides their own; the agent's own without the keys"),
  tree: z
    .string()
    .optional()
    .describe("sessions with the same one share MCP servers, where these are the same"),
  allowLocalFetch: z.boolean().optional().describe("fetch_url may reach this machine"),
});
export type SessionMeta = z.infer<typeof SessionMeta>;

/** With `session/prompt`. */
export const PromptMeta = z.object({
  inject: z
    .boolean()
    .optional()
    .describe("give this to the prompt that runs; it is answered at once, and says if it was"),
  pause: z
    .boolean()
    .optional()
    .describe("end the prompt that runs before its next turn; answered at once as well"),
});
export type PromptMeta = z.infer<typeof PromptMeta>;

/** With the client's answer to `session/request_permission`. */
export const PermissionMeta = z.object({
  input: z.unknown().optional().describe("do this instead"),
  message: z.string().optional().describe("why it was denied, for the model to read"),
});
export type PermissionMeta = z.infer<typeof PermissionMeta>;

/** What stands under `_meta.offshoot`. Throws "invalid params" with the faults where it is wrong. */
export function readMeta<Schema extends z.ZodType>(schema: Schema, meta: Meta): z.infer<Schema> {
  const parsed = schema.safeParse(meta?.["offshoot"] ?? {});
  if (parsed.success) return parsed.data;
  throw invalidParams(`_meta.offshoot: ${faultsOf(parsed.error)}`);
}

/** One sentence that names every fault with its place. */
function faultsOf(error: z.ZodError): string {
  return error.issues
    .map(({ path, message }) => (path.length > 0 ? `${path.join(".")}: ${message}` : message))
    .join("; ");
}
