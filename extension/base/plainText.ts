/**
 * Text of strangers, made fit to be looked at. What steers a terminal, or turns the direction of
 * reading so that a command looks like another one, becomes a sign that can be seen. Pure.
 */

const escape = "\u001b";
const bell = "\u0007";
/** Colours and cursor movements, titles of windows, and the other escape sequences. */
const sequences = [
  String.raw`\[[0-?]*[ -/]*[@-~]`,
  String.raw`\][^${bell}${escape}]*(?:${bell}|${escape}\\)`,
  String.raw`[PX^_][^${escape}]*${escape}\\`,
  String.raw`[ -/]*[0-~]`,
];
const escapes = new RegExp(`${escape}(?:${sequences.join("|")})`, "g");

/** Control characters but line end and tab, and what has no width or turns the direction. */
const hidden = /[^\P{Cc}\n\t]|[\u061c\u200b-\u200f\u202a-\u202e\u2060-\u206f\ufeff]/gu;

/** Every control character can be seen: for titles, commands and whatever a person decides on. */
export function visibleText(text: string): string {
  return text.toWellFormed().replaceAll("\r\n", "\n").replaceAll(hidden, visible);
}

/** What a terminal would show of a program's output in the end: no colours, lines not overwritten. */
export function outputText(text: string): string {
  const plain = text.replaceAll("\r\n", "\n").replaceAll(escapes, "");
  const settled = plain.includes("\r") ? plain.replaceAll(/[^\n\r]*\r(?=[^\n])/g, "") : plain;
  return visibleText(settled.replaceAll("\r", ""));
}

function visible(character: string): string {
  const code = character.charCodeAt(0);
  // The pictures of Unicode for C0; the others have none.
  if (code < 0x20) return String.fromCharCode(0x2400 + code);
  // Joins the parts of pictures, and of letters in some languages.
  if (code === 0x200d || code === 0x200c) return character;
  return `\u27e8U+${code.toString(16).toUpperCase().padStart(4, "0")}\u27e9`;
}
