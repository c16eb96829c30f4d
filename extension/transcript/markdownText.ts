/** Blocks of a transcript as Markdown, for people to read elsewhere. Pure. */
import type { Block } from "./blocks.ts";
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
            `${stream === "stderr" ? "stderr:\n\n" : ""}${fenced(outputText(text))}`,
        )
        .join("\n\n");
    case "tool":
      return toolMarkdown(block);
    case "plan":
      return block.entries
        .map(({ text, status }) => `- [${status === "completed" ? "x" : " "}] ${oneLine(text)}`)
        .join("\n");
    case "approval":
      return `*Approval ${oneLine(block.approvalId)}: ${oneLine(block.state)}*`;
    case "child":
      return `*Sub-agent ${oneLine(block.sessionId)}: ${block.status}*`;
    case "retry":
      return `*Attempt ${block.attempt} follows after an error: ${oneLine(block.message)}*`;
    case "note":
      return `*${block.level}: ${oneLine(block.text)}*`;
    case "wait":
      return `*Waits: ${oneLine(block.reason)}*`;
    case "run":
      return `---\n\n*Run ${oneLine(block.runId)} · ${timeOf(block.at)}*`;
  }
}

function toolMarkdown(block: Extract<Block, { kind: "tool" }>): string {
  const { name, title, does, input, output, result, status } = block;
  const diffs = toolDiffs(does, input, result);
  const given = diffs.length > 0 ? "" : textOfValue(input);
  const got = textOfValue(result) || output;
  return [
    `**${oneLine(name)}** ${oneLine(title)} (${status})`,
    ...(given === "" ? [] : [fenced(visibleText(given))]),
    ...diffs.map(({ path, diff }) => `${oneLine(path)}\n\n${fenced(visibleText(diff), "diff")}`),
    ...(got === "" || diffs.length > 0 ? [] : [fenced(outputText(got))]),
  ].join("\n\n");
}

/** A fence that nothing in the text can end. */
function fenced(text: string, language = ""): string {
  const longest = Math.max(0, ...(text.match(/`+/g) ?? []).map(({ length }) => length));
  const fence = "`".repeat(Math.max(3, longest + 1));
  return `${fence}${language}\n${text.replace(/\n$/, "")}\n${fence}`;
}

function quoted(text: string): string {
  return text.replaceAll(/^/gm, "> ");
}

/** Nothing of a stranger's line may become Markdown. */
export function oneLine(text: string): string {
  return visibleText(text)
    .replaceAll(/\s+/g, " ")
    .replaceAll(/[\\`*_[\]<>#|]/g, String.raw`\$&`);
}

export function timeOf(at: number): string {
  return new Date(at).toISOString().replace("T", " ").slice(0, 19);
}
