/**
 * The agents' files of each vendor, as their documentation describes them: which fields there are
 * and what they mean here. Fields that are not named are the vendor's own affair and are ignored.
 */
import * as z from "zod";
import { AgentProfile, McpServer, Permissions } from "../../../protocol/config.ts";
import { DocumentFault, type FileDocument } from "./document.ts";
import {
  profileOf,
  type AcpRunner,
  type AgentFacts,
  type McpServers,
  type Vendor,
} from "./agentFacts.ts";
import { deny, kindsOf, rulesAgainst } from "./toolNames.ts";

export type Format = Vendor | "offshoot";

/** What was read of a file; without a profile, the file switches the agent of this name off. */
export interface ReadAgent {
  name: string;
  profile?: (vendorRunner: AcpRunner | undefined) => AgentProfile;
}

/**
 * Reads a document as a vendor means it. `stem` is the file's name without its ending. Throws a
 * ZodError for fields of the wrong form and a DocumentFault for what cannot be an agent.
 */
export function readAgent(format: Format, document: FileDocument, stem: string): ReadAgent {
  if (format === "offshoot") return readOwn(document, stem);
  const facts = readers[format](document, stem);
  if (typeof facts === "string") return { name: facts };
  return { name: facts.name, profile: (runner) => profileOf(facts, runner) };
}

/** Answers with the name alone where the file switches an agent off. */
type Reader = (document: FileDocument, stem: string) => AgentFacts | string;

const text = z.string().trim();
const count = z.int({ error: "must be a whole number, such as 20" }).positive();
/** `Read, Bash(git log, git diff)`, or a list. */
const names = z
  .union([z.array(z.string()), z.string().transform((list) => list.split(/,(?![^(]*\))/))], {
    error: "must be a list of names, such as: Read, Grep",
  })
  .transform((list) => list.map((name) => name.trim()).filter((name) => name !== ""));
const variables = z.record(
  z.string(),
  z.union([z.string(), z.number(), z.boolean()]).transform(String),
);

/** References to variables stay as they are: a profile is stored, and secrets never are. */
const server = z
  .object({
    command: z.string().optional(),
    args: z.array(z.string()).optional(),
    env: variables.optional(),
    url: z.string().optional(),
    httpUrl: z.string().optional(),
    headers: variables.optional(),
    http_headers: variables.optional(),
  })
  .transform((given, context): z.infer<typeof McpServer> => {
    const { command, args, env, url = given.httpUrl, headers = given.http_headers } = given;
    if (command !== undefined) return { command, ...(args && { args }), ...(env && { env }) };
    if (url !== undefined) return { url, ...(headers && { headers }) };
    context.addIssue({ code: "custom", message: 'an MCP server needs a "command" or a "url"' });
    return z.NEVER;
  });
const servers = z.record(z.string(), server, {
  error: 'must be MCP servers by their names, each with a "command" or a "url"',
});
const claudeServers = z.union([servers, z.array(z.union([z.string(), servers]))], {
  error: 'must be MCP servers by their names, each with a "command" or a "url"',
});

const readers: Record<Vendor, Reader> = {
  claude(document, stem) {
    const fields = z
      .object({
        name: text.min(1).optional(),
        description: text.optional(),
        tools: names.optional(),
        disallowedTools: names.optional(),
        model: text.optional(),
        permissionMode: text.optional(),
        maxTurns: count.optional(),
        mcpServers: claudeServers.optional(),
      })
      .parse(document.fields);
    const { name = stem, description, tools, model, maxTurns, disallowedTools = [] } = fields;
    const denied = rulesAgainst(disallowedTools);
    const permissions = permissionsOf(claudeModes[fields.permissionMode ?? ""], denied);
    const prompt = promptOf(document);
    const mcpServers = inlineServers(fields.mcpServers);
    return {
      ...{ name, description, prompt, model, permissions, mcpServers },
      tools: tools?.filter((tool) => !disallowedTools.includes(tool)),
      limits: limitsOf(maxTurns),
    };
  },

  copilot(document, stem) {
    const fields = z
      .object({
        description: text.optional(),
        tools: names.optional(),
        model: z.union([text, z.array(text)]).optional(),
        "mcp-servers": servers.optional(),
      })
      .parse(document.fields);
    // Copilot identifies an agent by the name of its file; `name` is for people.
    const name = stem.replace(/\.agent$/, "");
    const { description, tools, "mcp-servers": mcpServers } = fields;
    const [model] = [fields.model ?? []].flat();
    return { name, description, prompt: promptOf(document), model, tools, mcpServers };
  },

  codex(document, stem) {
    const fields = z
      .object({
        name: text.min(1).optional(),
        description: text.optional(),
        developer_instructions: z
          .string({ error: "is needed: the agent's instructions as text" })
          .trim()
          .min(1),
        model: text.optional(),
        sandbox_mode: z.enum(["read-only", "workspace-write", "danger-full-access"]).optional(),
        mcp_servers: servers.optional(),
      })
      .parse(document.fields);
    const { name = stem, description, model, mcp_servers: mcpServers, sandbox_mode } = fields;
    const permissions = sandbox_mode && permissionsOf({ mode: codexModes[sandbox_mode] }, []);
    const prompt = fields.developer_instructions;
    return { name, description, prompt, model, permissions, mcpServers };
  },

  gemini(document, stem) {
    const fields = z
      .object({
        name: text.min(1).optional(),
        description: text.optional(),
        kind: text.optional(),
        tools: names.optional(),
        model: text.optional(),
        max_turns: count.optional(),
        timeout_mins: z.number().positive().optional(),
        mcpServers: servers.optional(),
      })
      .parse(document.fields);
    const { name = stem, description, tools, model, mcpServers, timeout_mins } = fields;
    if (fields.kind === "remote") {
      const message = 'agents of kind "remote" cannot be run from here; Gemini CLI itself can';
      throw new DocumentFault(document.lineOf(["kind"]), message);
    }
    const timeoutMs = timeout_mins && Math.round(timeout_mins * 60_000);
    const limits = limitsOf(fields.max_turns, timeoutMs);
    return { name, description, prompt: promptOf(document), model, tools, limits, mcpServers };
  },

  opencode(document, stem) {
    const decision = z.enum(["allow", "ask", "deny"]);
    const fields = z
      .object({
        description: text.optional(),
        model: text.optional(),
        disable: z.boolean().optional(),
        steps: count.optional(),
        maxSteps: count.optional(),
        tools: z.record(z.string(), z.boolean()).optional(),
        permission: z
          .union([
            decision,
            z.record(z.string(), z.union([decision, z.record(z.string(), decision)])),
          ])
          .optional(),
      })
      .parse(document.fields);
    if (fields.disable === true) return stem;
    const { description, model, permission = {}, tools = {} } = fields;
    const off = Object.keys(tools).filter((tool) => tool !== "*" && tools[tool] === false);
    const on = Object.keys(tools).filter((tool) => tool !== "*" && tools[tool] === true);
    const rules = [
      ...rulesAgainst(off),
      ...Object.entries(typeof permission === "string" ? { "*": permission } : permission).flatMap(
        ([tool, decided]) => opencodeRules(tool, decided),
      ),
    ];
    return {
      ...{ name: stem, description, prompt: promptOf(document), model },
      tools: tools["*"] === false ? on : undefined,
      permissions: permissionsOf({}, rules),
      limits: limitsOf(fields.steps ?? fields.maxSteps),
    };
  },
};

/** The fields of a profile as they are; tools and MCP servers may stand beside them. */
function readOwn(document: FileDocument, stem: string): ReadAgent {
  const { prompt: _body, name, runner, ...others } = AgentProfile.shape;
  const fields = z
    .strictObject({
      ...others,
      name: name.optional(),
      runner: runner.optional(),
      tools: names.optional(),
      mcpServers: z.record(z.string(), McpServer).optional(),
    })
    .parse(document.fields);
  const { tools, mcpServers, ...profile } = fields;
  const own = {
    kind: "model",
    ...(tools && { tools }),
    ...(mcpServers && { mcpServers }),
  } as const;
  const made = { runner: own, ...profile, name: profile.name ?? stem, prompt: promptOf(document) };
  const checked = AgentProfile.parse(made);
  return { name: checked.name, profile: () => checked };
}

const claudeModes: Record<string, Permissions> = {
  default: { mode: "ask" },
  acceptEdits: { mode: "acceptEdits" },
  plan: { mode: "plan" },
  bypassPermissions: { mode: "auto" },
  // What would be asked is refused.
  dontAsk: { rules: deny("edit", "delete", "move", "execute", "fetch", "other") },
};

/** There is no sandbox here: commands that Codex would run inside its own are asked for. */
const codexModes = {
  "read-only": "plan",
  "workspace-write": "acceptEdits",
  "danger-full-access": "auto",
} as const;

function opencodeRules(
  tool: string,
  decided: "allow" | "ask" | "deny" | Record<string, "allow" | "ask" | "deny">,
): NonNullable<Permissions["rules"]> {
  const patterns = typeof decided === "string" ? { "*": decided } : decided;
  return Object.entries(patterns).flatMap(([pattern, decision]) =>
    kindsOf(tool).map((kind) => ({ tool: kind, ...(pattern !== "*" && { pattern }), decision })),
  );
}

function permissionsOf(
  base: Permissions | undefined,
  rules: NonNullable<Permissions["rules"]>,
): Permissions | undefined {
  const all = [...(base?.rules ?? []), ...rules];
  const permissions = { ...base, ...(all.length > 0 && { rules: all }) };
  return Object.keys(permissions).length > 0 ? permissions : undefined;
}

function limitsOf(maxTurns?: number, timeoutMs?: number) {
  return { ...(maxTurns && { maxTurns }), ...(timeoutMs && { timeoutMs }) };
}

/** Names of servers that are configured elsewhere have meaning for that vendor's agent only. */
function inlineServers(
  given: McpServers | (string | McpServers)[] | undefined,
): McpServers | undefined {
  if (!Array.isArray(given)) return given;
  return Object.assign({}, ...given.filter((one) => typeof one !== "string")) as McpServers;
}

function promptOf({ body }: FileDocument): string {
  if (body !== "") return body;
  throw new DocumentFault(
    1,
    "there is no prompt: write what the agent is to do below the front matter",
  );
}
