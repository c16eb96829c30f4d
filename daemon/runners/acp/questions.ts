/** Turns an agent's request for permission into a question, and the answer into an option. */
import { textIn, isJson, type Json } from "../formats/json.ts";
import { labelOf } from "../../processes/outputLines.ts";
import type { ApprovalAnswer, ApprovalQuestion } from "../runner.ts";
import type { ToolCallFacts } from "./toolCalls.ts";

const pathNames = ["file_path", "filePath", "absolute_path", "abs_path", "path"];

/** `shown` writes a path as rules do. */
export function questionOf(call: ToolCallFacts, shown: (path: string) => string): ApprovalQuestion {
  const { id, name, kind, title } = call;
  const subject = subjectOf(call, shown);
  return {
    toolName: name,
    kind,
    title: titleOf(title),
    input: inputOf(call),
    toolUseId: id,
    ...(subject !== undefined && { subject }),
  };
}

/** The first line of a title, so that later lines cannot hide it. */
function titleOf(text: string): string {
  const [first = "", ...others] = text.trim().split(/\s*\n\s*/);
  return others.length === 0 ? labelOf(first) : `${labelOf(first)} …`;
}

function inputOf({ kind, input, changes, title }: ToolCallFacts): unknown {
  const [change] = changes;
  if (change) {
    return {
      path: change.path,
      diff: changes.map(({ diff }) => diff).join("\n"),
    };
  }
  const command = commandOf(input);
  if (kind === "execute" && command !== undefined) return { command };
  return input ?? { title };
}

function subjectOf(
  { kind, input, changes, locations }: ToolCallFacts,
  shown: (path: string) => string,
): string | undefined {
  if (kind === "execute") return commandOf(input);
  const fields = isJson(input) ? input : {};
  if (kind === "fetch") return textIn(fields, "url");
  const path = changes[0]?.path ?? locations[0]?.path ?? textIn(fields, ...pathNames);
  return path === undefined ? undefined : shown(path);
}

/** The command line in a tool's input, where there is one. */
export function commandOf(input: unknown): string | undefined {
  if (!isJson(input)) return undefined;
  const { command } = input;
  if (typeof command === "string") return command;
  if (!Array.isArray(command) || !command.every((word) => typeof word === "string")) {
    return undefined;
  }
  // Agents wrap a command line as `bash -lc "line"`.
  const [, option, line] = command;
  return command.length === 3 && /^-\w*c$/.test(option ?? "") ? line : command.join(" ");
}

/**
 * Finds the option that fits the answer by its kind; undefined where there is none.
 *
 * Offshoot keeps rules itself, where people can see and remove them: an agent that gets "always"
 * does not ask again. So "once" is chosen where the agent offers it.
 */
export function optionFor(
  options: readonly Json[],
  decision: Exclude<ApprovalAnswer["decision"], "expired">,
): { optionId: string; kind: string } | undefined {
  const isAllowed = decision === "allowOnce" || decision === "allowAlways";
  const wanted = isAllowed ? ["allow_once", "allow_always"] : ["reject_once", "reject_always"];
  for (const kind of wanted) {
    const option = options.find((one) => one["kind"] === kind);
    const optionId = option && textIn(option, "optionId");
    if (optionId !== undefined) return { optionId, kind };
  }
  return undefined;
}
