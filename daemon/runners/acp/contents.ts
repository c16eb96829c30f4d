/** Turns the content that agents send into text: messages, outputs of tools, changes of files. */
import { createTwoFilesPatch } from "diff";
import { isJson, listIn, objectIn, textIn, type Json } from "../formats/json.ts";

/** The text of one content block; a kind without text is named. */
export function textOfBlock(block: Json): string {
  switch (block["type"]) {
    case "text":
      return textIn(block, "text") ?? "";
    case "resource_link":
      return `[${textIn(block, "title", "name") ?? "link"}](${textIn(block, "uri") ?? ""})`;
    case "resource": {
      const resource = objectIn(block, "resource");
      return textIn(resource, "text") ?? `[resource ${textIn(resource, "uri") ?? ""}]`;
    }
    default: {
      const type = textIn(block, "type");
      return type === undefined ? "" : `[${type}]`;
    }
  }
}

export interface FileChange {
  path: string;
  newText: string;
  /** A change as `diff -u` writes it. */
  diff: string;
}

export interface ToolContent {
  text: string;
  changes: FileChange[];
  terminalIds: string[];
}

/** The content of an update of a tool call; undefined where the update has no content field. */
export function toolContentOf(update: Json): ToolContent | undefined {
  if (!Array.isArray(update["content"])) return undefined;
  const content: ToolContent = { text: "", changes: [], terminalIds: [] };
  for (const part of listIn(update, "content")) {
    if (part["type"] === "diff") {
      content.changes.push(changeOf(textIn(part, "path") ?? "", part["oldText"], part["newText"]));
    } else if (part["type"] === "terminal") {
      content.terminalIds.push(textIn(part, "terminalId") ?? "");
    } else {
      const block = isJson(part["content"]) ? part["content"] : part;
      content.text += `${content.text === "" ? "" : "\n"}${textOfBlock(block)}`;
    }
  }
  return content;
}

/** The longest time for a diff. Large texts with little in common would take for ever. */
const diffTimeoutMs = 200;

export function changeOf(path: string, oldText: unknown, newText: unknown): FileChange {
  const before = typeof oldText === "string" ? oldText : "";
  const after = typeof newText === "string" ? newText : "";
  const from = typeof oldText === "string" ? path : "/dev/null";
  const options = { context: 3, timeout: diffTimeoutMs };
  const diff = createTwoFilesPatch(from, path, before, after, "", "", options);
  return {
    path,
    newText: after,
    diff: diff ?? `(all of ${path} is replaced: ${after.length} characters)\n`,
  };
}
