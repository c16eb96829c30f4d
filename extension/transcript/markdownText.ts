/** Blocks of a transcript as Markdown, for the export. Pure. */
import { fenced } from "../base/text.ts";
import type { Block, ToolBlock } from "./block.ts";
import { outputText, visibleText } from "../base/plainText.ts";
import { toolDiffs } from "./toolDiffs.ts";
import { textOfValue } from "./wholeText.ts";

export function markdownOf(block: Block): string {
  switch (block.kind) {
    case "sent":
      return `### Message · ${timeOf(block.at)}\n\n${quoted(visibleText(block.text))}`;
    case "message":
      return visibleText(block.text).trim();
    case "thought":
      return `*Thought*\n\n${quoted(visibleText(block.text).trim())}`;
    case "output":
      return block.parts
        .map(
          ({ stream, text }) =>
            `${stream === "stderr" ? "stderr:\n\n" : ""}${codeBlock(outputText(text))}`,
        )
        .join("\n\n");
    case "tool":
      return toolMarkdown(block);
    case "plan":
      return block.entries
        .map(({ text, status }) => `- [${status === "completed" ? "x" : " "}] ${inMarkdown(text)}`)
        .join("\n");
    case "approval":
      return `*Approval ${inMarkdown(block.approvalId)}: ${inMarkdown(block.state)}*`;
    case "child":
      return `*Sub-agent ${inMarkdown(block.sessionId)}: ${block.status}*`;
    case "retry":
      return `*Attempt ${block.attempt} follows after an error: ${inMarkdown(block.message)}*`;
    case "note":
      return `*${block.level}: ${inMarkdown(block.text)}*`;
    case "wait":
      return `*Waits: ${inMarkdown(block.reason)}*`;
    case "run":
      return `---\n\n*Run ${inMarkdown(block.runId)} · ${timeOf(block.at)}*`;
  }
}

function toolMarkdown(block: ToolBlock): string {
  const { name, title, does, input, output, result, status } = block;
  const diffs = toolDiffs(does, input, result);
  const given = diffs.length > 0 ? "" : textOfValue(input);
  const got = textOfValue(result) || output;
  return [
    `**${inMarkdown(name)}** ${inMarkdown(title)} (${status})`,
    ...(given === "" ? [] : [codeBlock(visibleText(given))]),
    ...diffs.map(
      ({ path, diff }) => `${inMarkdown(path)}\n\n${codeBlock(visibleText(diff), "diff")}`,
    ),
    ...(got === "" || diffs.length > 0 ? [] : [codeBlock(outputText(got))]),
  ].join("\n\n");
}

function codeBlock(text: string, language = ""): string {
  return fenced(text.replace(/\n$/, ""), language);
}

function quoted(text: string): string {
  return text.replaceAll(/^/gm, "> ");
}

/** A text of an agent as one line, no part of which becomes Markdown. */
export function inMarkdown(text: string): string {
  return visibleText(text)
    .replaceAll(/\s+/g, " ")
    .replaceAll(/[\\`*_[\]<>#|]/g, String.raw`\$&`);
}

export function timeOf(at: number): string {
  return new Date(at).toISOString().replace("T", " ").slice(0, 19);
}
