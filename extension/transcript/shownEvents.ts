/** Events as a page gets them: long texts are cut, so that a page stays small. Pure. */
import type { AgentEvent, StoredEvent } from "../../protocol/events.ts";
import type { ShownEvent } from "./pageMessages.ts";

/** Characters of one text that are shown at once; messages are read, the rest is looked at. */
const mostOfMessage = 64 * 1024;
const mostOfText = 16 * 1024;

/** The core's own mark of a text that is too large for its event. */
const cutByCore = /… \[cut: \d+ characters, blob ([\w.-]+)\]$/;

export function shownEvent(stored: StoredEvent): ShownEvent {
  const most = stored.event.type === "message" ? mostOfMessage : mostOfText;
  let isCut = false;
  const event = mapTexts(stored.event, (text) => {
    if (cutByCore.test(text)) isCut = true;
    if (text.length <= most) return text;
    isCut = true;
    return cutText(text, most);
  });
  // Most events are small: they stay what they are.
  return isCut ? { ...stored, event: event as AgentEvent, isCut } : stored;
}

/** The blob that holds the whole of a text that the core has cut. */
export function blobOf(text: string): string | undefined {
  return cutByCore.exec(text)?.[1];
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

/** The first characters, one less where that would cut a surrogate pair, and a mark. */
export function cutText(text: string, most: number): string {
  if (text.length <= most) return text;
  const last = text.charCodeAt(most - 1);
  const whole = last >= 0xd800 && last <= 0xdbff ? most - 1 : most;
  return `${text.slice(0, whole)}… [cut: ${text.length} characters]`;
}
