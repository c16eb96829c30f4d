/**
 * The fields under `_meta.offshoot` that the built-in agent adds to the Agent Client Protocol. The
 * agent works also for a client that sends none of them.
 */
import * as z from "zod";
import { Config, Permissions } from "../../../protocol/config.ts";
import { Limits } from "../../../protocol/session.ts";

/** Sent with `session/new` and `session/load`. */
export const SessionMeta = z.object({
  model: z
    .string()
    .optional()
    .describe("provider/model; default: the environment's OFFSHOOT_MODEL"),
  prompt: z.string().optional().describe("instructions that come before the conversation"),
  tools: z
    .array(z.string())
    .optional()
    .describe("names of tools, with * at the end for many; default: all"),
  permissions: Permissions.optional(),
  limits: Limits.optional(),
  grantsTurns: z.boolean().optional().describe("the client is asked before each turn"),
  providers: Config.shape.providers,
  apiKey: z
    .string()
    .optional()
    .describe("key of the model's provider; counts before the environment's"),
  instructions: z.string().optional().describe("the project's instructions, such as its AGENTS.md"),
  skills: z
    .array(z.object({ name: z.string(), description: z.string(), file: z.string() }))
    .optional()
    .describe("only these; default: those of the working folder and the home folder"),
  history: z
    .array(z.object({ role: z.enum(["user", "assistant"]), text: z.string() }))
    .optional()
    .describe("the conversation so far, oldest first"),
  stateDir: z.string().optional().describe("folder of session files and of long tool outputs"),
  contextWindow: z
    .number()
    .int()
    .positive()
    .optional()
    .describe("in tokens; default: by the family of the model"),
  environment: z
    .record(z.string(), z.string())
    .optional()
    .describe("the whole environment of commands; default: the agent's own without keys"),
  serverEnvironment: z
    .record(z.string(), z.string())
    .optional()
    .describe(
      "the environment of MCP servers, which each adds to; default: the agent's own without keys",
    ),
  tree: z
    .string()
    .optional()
    .describe("sessions with the same tree share MCP servers of the same definition"),
  allowLocalFetch: z.boolean().optional().describe("fetch_url may reach this machine"),
});
export type SessionMeta = z.infer<typeof SessionMeta>;

/** Sent with `session/prompt`. */
export const PromptMeta = z.object({
  inject: z
    .boolean()
    .optional()
    .describe("gives this text to the running prompt; answered at once with whether that took it"),
  pause: z
    .boolean()
    .optional()
    .describe("ends the running prompt before its next turn; answered at once"),
});
export type PromptMeta = z.infer<typeof PromptMeta>;

/** Sent with the client's answer to `session/request_permission`. */
export const PermissionMeta = z.object({
  input: z.unknown().optional().describe("the input to use instead"),
  message: z.string().optional().describe("why it was denied, for the model to read"),
});
export type PermissionMeta = z.infer<typeof PermissionMeta>;

/** Ids of sessions become names of files, so that an id must be one that Offshoot makes. */
export function isSessionId(id: string): boolean {
  return /^[\w-]{1,100}$/.test(id);
}
