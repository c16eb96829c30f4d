/** Texts of agents and people, made fit for the place where they are shown. Pure. */

/**
 * A text as one line of at most so many characters. Control characters are removed, and those that
 * change the direction of what follows.
 */
export function oneLine(text: string, most: number): string {
  const line = text
    .slice(0, most * 4)
    .replaceAll(/\s+/g, " ")
    .replaceAll(/[\p{Cc}\u202A-\u202E\u2066-\u2069\u200E\u200F]/gu, "")
    .trim();
  const characters = [...line];
  return characters.length > most ? `${characters.slice(0, most - 1).join("")}…` : line;
}

export function shortened(text: string, most: number): string {
  return text.length > most ? `${text.slice(0, most - 1).trimEnd()}…` : text;
}

/** The parts that are not empty. */
export function joined(parts: readonly string[], by: string): string {
  return parts.filter((part) => part !== "").join(by);
}

/** `1 child`, `3 children`; the plural adds an s unless it is given. */
export function plural(count: number, one: string, many = `${one}s`): string {
  return `${count.toLocaleString("en")} ${count === 1 ? one : many}`;
}

/** A block of code in Markdown, in a fence that nothing in the text can close. */
export function fenced(text: string, language = ""): string {
  const longest = Math.max(2, ...[...text.matchAll(/`+/g)].map(([run]) => run.length));
  const fence = "`".repeat(longest + 1);
  return `${fence}${language}\n${text}\n${fence}`;
}

/** A word of a shell's command line, in quotes where it needs them. */
export function shellWord(word: string): string {
  if (/^[\w@%+=:,./-]+$/.test(word)) return word;
  return `'${word.replaceAll("'", String.raw`'\''`)}'`;
}

/** For messages of the editor, in which `[text](command:…)` would be a link that runs a command. */
export function withoutLinks(text: string): string {
  return text.replaceAll("](", "] (");
}

/** For labels of quick picks, in which `$(name)` would be an icon. */
export function withoutIcons(text: string): string {
  return text.replaceAll("$(", "$ (");
}
