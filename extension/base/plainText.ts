/**
 * Makes invisible characters of untrusted text visible: control characters, and those that change the
 * direction of the text, so that no command looks like another one. Pure.
 */

const escape = "\u001b";
const bell = "\u0007";
/** Colours and cursor movements, window titles, and other escape sequences. */
const sequences = [
  String.raw`\[[0-?]*[ -/]*[@-~]`,
  String.raw`\][^${bell}${escape}]*(?:${bell}|${escape}\\)`,
  String.raw`[PX^_][^${escape}]*${escape}\\`,
  String.raw`[ -/]*[0-~]`,
];
const escapes = new RegExp(`${escape}(?:${sequences.join("|")})`, "g");

/** Control characters except line end and tab, and those without width or that change direction. */
const hidden = /[^\P{Cc}\n\t]|[\u061c\u200b-\u200f\u202a-\u202e\u2060-\u206f\ufeff]/gu;

/** Shows every control character: for titles, commands and whatever a person decides on. */
export function visibleText(text: string): string {
  return text.toWellFormed().replaceAll("\r\n", "\n").replaceAll(hidden, visible);
}

/** What a terminal would finally show of a program's output, without colours and overwritten lines. */
export function outputText(text: string): string {
  const plain = text.replaceAll("\r\n", "\n").replaceAll(escapes, "");
  const settled = plain.includes("\r") ? plain.replaceAll(/[^\n\r]*\r(?=[^\n])/g, "") : plain;
  return visibleText(settled.replaceAll("\r", ""));
}

function visible(character: string): string {
  const code = character.charCodeAt(0);
  // Unicode has pictures only for the first 32 control characters.
  if (code < 0x20) return String.fromCharCode(0x2400 + code);
  // These join the parts of emoji, and letters in some languages.
  if (code === 0x200d || code === 0x200c) return character;
  return `\u27e8U+${code.toString(16).toUpperCase().padStart(4, "0")}\u27e9`;
}
