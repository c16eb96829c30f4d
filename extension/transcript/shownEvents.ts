/** Events as a page gets them: long texts are cut, so that a page stays small. Pure. */
import type { AgentEvent, StoredEvent } from "../../protocol/events.ts";
import type { ShownEvent } from "./pageMessages.ts";

/** Characters of one text that are shown at once; messages are read, the rest is looked at. */
const mostOfMessage = 64 * 1024;
const mostOfText = 16 * 1024;

/** The core's own mark of a text that is too large for its event. */
const cutByCore = /… \[cut: (\d+) characters, blob ([\w.-]+)\]$/;

export function shownEvent(stored: StoredEvent): ShownEvent {
  const most = stored.event.type === "message" ? mostOfMessage : mostOfText;
  let wholeLength = 0;
  const event = mapTexts(stored.event, (text) => {
    const [, length] = cutByCore.exec(text) ?? [];
    if (length !== undefined) wholeLength += Number(length);
    // A link below it says that there is more, and how much.
    const said = length === undefined ? text : text.replace(cutByCore, "…");
    if (said.length <= most) return said;
    if (length === undefined) wholeLength += text.length;
    return `${firstOf(said, most)}…`;
  });
  // Most events are small: they stay what they are.
  return wholeLength > 0 ? { ...stored, event: event as AgentEvent, wholeLength } : stored;
}

/** The blob that holds the whole of a text that the core has cut. */
export function blobOf(text: string): string | undefined {
  return cutByCore.exec(text)?.[2];
}

/** The same value with other texts, at any depth. */
export function mapTexts(value: unknown, change: (text: string) => string): unknown {
  if (typeof value === "string") return change(value);
  if (Array.isArray(value)) return value.map((one) => mapTexts(one, change));
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(
    Object.entries(value).map(([key, field]) => [key, mapTexts(field, change)]),
  );
}

/** The first characters, and a mark that says how many there are. */
export function cutText(text: string, most: number): string {
  if (text.length <= most) return text;
  return `${firstOf(text, most)}… [cut: ${text.length} characters]`;
}

/** One less where that would cut a surrogate pair. */
function firstOf(text: string, most: number): string {
  const last = text.charCodeAt(most - 1);
  const whole = last >= 0xd800 && last <= 0xdbff ? most - 1 : most;
  return text.slice(0, whole);
}
