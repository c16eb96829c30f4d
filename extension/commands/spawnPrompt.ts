/** Makes the prompt of a spawn from the typed text and what the spawn is about. Pure. */
import { fenced, shellWord } from "../base/text.ts";

/** What a spawn is about besides the typed text. */
export type SpawnAbout =
  | { kind: "nothing" }
  /** Paths relative to the folder where the sub-agent works. */
  | { kind: "files"; paths: readonly string[] }
  /** Lines are counted from 1. */
  | {
      kind: "selection";
      path: string;
      firstLine: number;
      lastLine: number;
      language: string;
      text: string;
    };

const mostEarlier = 50;

/** `takesCommands`: the agent runs its prompt as a command of a shell. */
export function composePrompt(
  typed: string,
  about: SpawnAbout,
  agent: { takesCommands: boolean },
): string {
  if (about.kind === "nothing") return typed;
  if (agent.takesCommands) {
    if (about.kind === "selection") return typed === "" ? about.text : typed;
    return [typed, ...about.paths.map(shellWord)].join(" ").trim();
  }
  if (about.kind === "files") {
    const list = about.paths.map((path) => `- ${path}`).join("\n");
    return `${typed}\n\nFiles:\n${list}`;
  }
  if (typed === "") return about.text;
  const { path, firstLine, lastLine, language, text } = about;
  const lines = firstLine === lastLine ? `line ${firstLine}` : `lines ${firstLine} to ${lastLine}`;
  return `${typed}\n\n${path}, ${lines}:\n\n${fenced(text, language)}`;
}

/** What a spawn is about, in a few words for the box in which the prompt is typed. */
export function aboutText(about: SpawnAbout): string {
  if (about.kind === "nothing") return "";
  if (about.kind === "selection") {
    const { path, firstLine, lastLine } = about;
    return `${path}:${firstLine}${firstLine === lastLine ? "" : `–${lastLine}`}`;
  }
  const [first = "", ...others] = about.paths;
  return others.length === 0 ? first : `${first} and ${others.length} more`;
}

/** The earlier prompts with the newest first, each once. */
export function withPrompt(earlier: readonly string[], typed: string): string[] {
  if (typed === "") return [...earlier];
  return [typed, ...earlier.filter((one) => one !== typed)].slice(0, mostEarlier);
}
