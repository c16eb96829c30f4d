/** The prompt of a spawn: what was typed, what it is about, and what was typed before. Pure. */

/** What a spawn is about besides what is typed. */
export type SpawnAbout =
  | { kind: "nothing" }
  /** Paths from the folder that it runs in. */
  | { kind: "files"; paths: readonly string[] }
  /** Lines from 1 on. */
  | {
      kind: "selection";
      path: string;
      firstLine: number;
      lastLine: number;
      language: string;
      text: string;
    };

const mostEarlier = 50;

/**
 * `takesCommands`: the agent runs its prompt as a command of a shell, where words about files would
 * be words of the command.
 */
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
  const longest = Math.max(2, ...[...text.matchAll(/`+/g)].map(([run]) => run.length));
  const fence = "`".repeat(longest + 1);
  return `${typed}\n\n${path}, ${lines}:\n\n${fence}${language}\n${text}\n${fence}`;
}

/** Says in a few words what a spawn is about, for the box in which the prompt is typed. */
export function aboutText(about: SpawnAbout): string {
  if (about.kind === "nothing") return "";
  if (about.kind === "selection") {
    const { path, firstLine, lastLine } = about;
    return `${path}:${firstLine}${firstLine === lastLine ? "" : `–${lastLine}`}`;
  }
  const [first = "", ...others] = about.paths;
  return others.length === 0 ? first : `${first} and ${others.length} more`;
}

/** The newest first, each once. */
export function withPrompt(earlier: readonly string[], typed: string): string[] {
  if (typed === "") return [...earlier];
  return [typed, ...earlier.filter((one) => one !== typed)].slice(0, mostEarlier);
}

function shellWord(path: string): string {
  return /^[\w./-]+$/.test(path) ? path : `'${path.replaceAll("'", String.raw`'\''`)}'`;
}
