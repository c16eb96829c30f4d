/** Derives facts from the name and the input of a tool call of any agent. */
import type { AgentEvent } from "../../../protocol/events.ts";
import { labelOf } from "../../processes/outputLines.ts";
import type { ToolKind } from "../runner.ts";
import { isJson, listIn, numberIn, textIn, type Json } from "./json.ts";

/** The names that known agents use, in lower case and without `_`. */
const kinds: Readonly<Record<string, ToolKind>> = {
  read: "read",
  readfile: "read",
  readmanyfiles: "read",
  notebookread: "read",
  ls: "search",
  list: "search",
  listdir: "search",
  listdirectory: "search",
  glob: "search",
  find: "search",
  grep: "search",
  grepsearch: "search",
  searchfilecontent: "search",
  codesearch: "search",
  edit: "edit",
  multiedit: "edit",
  write: "edit",
  writefile: "edit",
  replace: "edit",
  patch: "edit",
  applypatch: "edit",
  notebookedit: "edit",
  bash: "execute",
  shell: "execute",
  runshellcommand: "execute",
  commandexecution: "execute",
  webfetch: "fetch",
  websearch: "fetch",
  googlewebsearch: "fetch",
  todowrite: "think",
  writetodos: "think",
  todolist: "think",
};

const plainName = (name: string) => name.toLowerCase().replaceAll("_", "");

export function kindOf(name: string): ToolKind {
  return kinds[plainName(name)] ?? "other";
}

const pathNames = ["file_path", "filePath", "absolute_path", "notebook_path", "path"];
const subjectNames = [...pathNames, "command", "url", "query", "pattern", "description"];

/** The path, command or address that a call is about. */
export function subjectOf(input: unknown): string | undefined {
  return isJson(input) ? textIn(input, ...subjectNames) : undefined;
}

/** The title of a call, on one line. */
export function titleOf(name: string, input: unknown): string {
  const subject = subjectOf(input);
  if (subject === undefined) return name;
  return labelOf(kindOf(name) === "execute" ? firstLine(subject) : `${name} ${firstLine(subject)}`);
}

type Locations = NonNullable<Extract<AgentEvent, { type: "tool.completed" }>["locations"]>;

/** The files that a call reads or changes. */
export function locationsOf(name: string, input: unknown): Locations {
  if (!isJson(input) || !["read", "edit"].includes(kindOf(name))) return [];
  const path = textIn(input, ...pathNames);
  if (path !== undefined) {
    const line = numberIn(input, "offset");
    return [{ path, ...(line !== undefined && Number.isInteger(line) && { line }) }];
  }
  return listIn(input, "changes").flatMap((change) => {
    const changed = textIn(change, "path");
    return changed === undefined ? [] : [{ path: changed }];
  });
}

type Plan = Extract<AgentEvent, { type: "plan" }>["entries"];

/** The plan in a call that writes one. */
export function planOf(name: string, input: unknown): Plan | undefined {
  if (!["todowrite", "writetodos"].includes(plainName(name)) || !isJson(input)) return undefined;
  return listIn(input, "todos").flatMap((todo) => {
    const text = textIn(todo, "content", "description", "text");
    const status = todo["status"];
    const priority = todo["priority"];
    if (text === undefined) return [];
    if (status !== "pending" && status !== "in_progress" && status !== "completed") return [];
    const isPriority = priority === "high" || priority === "medium" || priority === "low";
    return [{ text, status, ...(isPriority && { priority }) }];
  });
}

const subAgentTools = ["agent", "task", "dispatch_agent", "spawn_agent"];

/**
 * The sub-agent that a call starts, if it starts one. A tool of an MCP server, such as our own
 * `spawn_agent`, has a prefix in its name and does not count.
 */
export function subAgentOf(
  name: string,
  input: unknown,
): { title: string; prompt: string } | undefined {
  if (!subAgentTools.includes(name.toLowerCase())) return undefined;
  const fields: Json = isJson(input) ? input : {};
  const prompt = textIn(fields, "prompt", "task", "message", "description") ?? "";
  const title = textIn(fields, "name", "description") ?? (firstLine(prompt) || name);
  return { title: labelOf(firstLine(title)), prompt };
}

function firstLine(text: string): string {
  return text.trim().split("\n")[0] ?? "";
}
