/**
 * The vendors' names of tools, and the built-in agent's tools that do the same. Names without an
 * equivalent are left out, as the vendors do with each other's names.
 */
import type { Permissions } from "../../../protocol/config.ts";

type Rule = NonNullable<Permissions["rules"]>[number];

const subAgentTools = ["spawn_agent", "send_message", "wait_agent", "list_agents", "cancel_agent"];

/** The built-in agent's names on the left, the vendors' on the right, all in lower case. */
const meanings: readonly (readonly [ours: readonly string[], theirs: readonly string[]])[] = [
  [
    ["read_file", "list_dir"],
    ["read", "view", "read_file", "readfile", "notebookread", "read_many_files"],
  ],
  [["list_dir"], ["ls", "list", "list_dir", "list_directory"]],
  [["glob"], ["glob"]],
  [["grep"], ["grep", "grep_search", "search_file_content"]],
  [
    ["glob", "grep"],
    ["search", "codebase", "usages"],
  ],
  [["edit_file"], ["edit_file", "multiedit", "replace", "str_replace", "notebookedit"]],
  [["write_file"], ["write", "write_file"]],
  [
    ["edit_file", "write_file"],
    ["edit", "patch", "apply_patch", "editfiles"],
  ],
  [
    ["run_command"],
    [
      "bash",
      "shell",
      "execute",
      "powershell",
      "run_command",
      "run_shell_command",
      "runcommands",
      "terminal",
    ],
  ],
  [
    ["fetch_url"],
    ["webfetch", "web_fetch", "fetch", "web", "fetch_url", "websearch", "google_web_search"],
  ],
  [["update_plan"], ["todowrite", "todoread", "todo", "todos", "write_todos", "update_plan"]],
  [["skill"], ["skill", "activate_skill"]],
  [subAgentTools, ["task", "agent", "custom-agent", "runsubagent", "spawn_agent"]],
  [["*"], ["*"]],
];

const oursByTheirs = new Map(
  meanings.flatMap(([ours, theirs]) => theirs.map((name) => [name, ours] as const)),
);

/** The built-in agent's names for these, each once; MCP tools as `mcp__server__tool`. */
export function ownTools(names: readonly string[]): string[] {
  return [...new Set(names.flatMap((name) => ownNamesOf(mentionOf(name).name)))];
}

/** Whether all tools are meant, and so there is nothing to restrict. */
export function meansAll(names: readonly string[]): boolean {
  return names.some((name) => name.trim() === "*");
}

/**
 * Rules that keep an agent to these tools, where its program has no option for them, and to the
 * commands that a pattern names. They only narrow: what they leave is asked for as before.
 */
export function rulesForTools(names: readonly string[]): Rule[] {
  const own = new Set(ownTools(names));
  const canWrite = own.has("edit_file") || own.has("write_file");
  const rules: Rule[] = [];
  if (!canWrite) rules.push(...deny("edit", "delete", "move"));
  if (!own.has("fetch_url")) rules.push(...deny("fetch"));
  const shells = names
    .map(mentionOf)
    .filter(({ name }) => ownNamesOf(name).includes("run_command"));
  const patterns = shells.flatMap(({ pattern }) => pattern ?? []);
  if (patterns.length === shells.length) {
    rules.push(...deny("execute"));
    for (const pattern of patterns) rules.push({ tool: "execute", pattern, decision: "ask" });
  }
  return rules;
}

/** Rules against tools that a file forbids: by the vendor's names, the built-in ones, and by kind. */
export function rulesAgainst(names: readonly string[]): Rule[] {
  const mentions = names.map(mentionOf);
  const whole = mentions.filter(({ pattern }) => pattern === undefined);
  const own = new Set(whole.flatMap(({ name }) => ownNamesOf(name)));
  const kinds = [
    ...(own.has("edit_file") && own.has("write_file") ? ["edit", "delete", "move"] : []),
    ...(own.has("run_command") ? ["execute"] : []),
    ...(own.has("fetch_url") ? ["fetch"] : []),
  ];
  const commands = mentions.flatMap(({ name, pattern }): Rule[] =>
    pattern !== undefined && ownNamesOf(name).includes("run_command")
      ? [{ tool: "execute", pattern, decision: "deny" }]
      : [],
  );
  return [...deny(...kinds, ...new Set([...own, ...whole.map(({ name }) => name)])), ...commands];
}

/** The kinds of a tool of this name, for rules; its own name where they are not known. */
export function kindsOf(name: string): string[] {
  const own = ownNamesOf(name);
  if (own.includes("edit_file") || own.includes("write_file")) return ["edit", "delete", "move"];
  if (own.includes("run_command")) return ["execute"];
  if (own.includes("fetch_url")) return ["fetch"];
  if (own.includes("read_file") || own.includes("list_dir")) return ["read"];
  if (own.includes("glob") || own.includes("grep")) return ["search"];
  return own.length > 0 ? [...own] : [name];
}

export function deny(...tools: string[]): Rule[] {
  return tools.map((tool) => ({ tool, decision: "deny" }));
}

/**
 * A name as vendors write it: `Bash(git *)` has a pattern, `server/tool` a server. `npm test:*` is
 * how Claude Code writes `npm test*`.
 */
function mentionOf(text: string): { name: string; pattern?: string } {
  const [, name, pattern] = /^([^(]+)\((.*)\)$/s.exec(text.trim()) ?? [];
  if (name === undefined || pattern === undefined) return { name: text.trim() };
  return { name: name.trim(), pattern: pattern.replace(/:\*$/, "*") };
}

function ownNamesOf(name: string): readonly string[] {
  const known = oursByTheirs.get(name.toLowerCase());
  if (known !== undefined) return known;
  const mcp = /^mcp__(.+?)(?:__(.+))?$/.exec(name) ?? /^mcp_(?:([^_]+)_)?(.+)$/.exec(name);
  if (mcp !== null) return [mcpName(mcp[1], mcp[2])];
  const [first = "", ...rest] = name.split("/");
  if (rest.length === 0) return [];
  // VS Code groups its own tools under the names of the aliases: search/codebase.
  return oursByTheirs.get(first.toLowerCase()) ?? [mcpName(first, rest.join("/"))];
}

function mcpName(server: string | undefined, tool: string | undefined): string {
  if (server === undefined) return "mcp__*";
  return `mcp__${server}__${tool ?? "*"}`.replaceAll(/[^\w*-]/g, "_");
}
