/** Cuts the long texts of events, so that pages stay small. Pure. */
import type { AgentEvent, StoredEvent } from "../../protocol/events.ts";
import type { ShownEvent } from "./pageMessages.ts";

/** Characters of one text; a message may be longer, because it is read. */
const mostOfMessage = 64 * 1024;
const mostOfText = 16 * 1024;

/** The mark with which the core ends a text that is too large for its event. */
const cutByCore = /… \[cut: (\d+) characters, blob ([\w.-]+)\]$/;

export function shownEvent(stored: StoredEvent): ShownEvent {
  const most = stored.event.type === "message" ? mostOfMessage : mostOfText;
  let wholeLength = 0;
  const event = mapTexts(stored.event, (text) => {
    const [, length] = cutByCore.exec(text) ?? [];
    if (length !== undefined) wholeLength += Number(length);
    // A link below the block says how long the whole text is.
    const shown = length === undefined ? text : text.replace(cutByCore, "…");
    if (shown.length <= most) return shown;
    if (length === undefined) wholeLength += text.length;
    return `${firstOf(shown, most)}…`;
  });
  return wholeLength > 0 ? { ...stored, event: event as AgentEvent, wholeLength } : stored;
}

/** The blob with the whole of a text that the core has cut. */
export function blobOf(text: string): string | undefined {
  return cutByCore.exec(text)?.[2];
}

/** The value with each text in it changed, at any depth. */
export function mapTexts(value: unknown, change: (text: string) => string): unknown {
  if (typeof value === "string") return change(value);
  if (Array.isArray(value)) return value.map((one) => mapTexts(one, change));
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(
    Object.entries(value).map(([key, field]) => [key, mapTexts(field, change)]),
  );
}

/** The first characters, with a mark that says how long the whole text is. */
export function cutText(text: string, most: number): string {
  if (text.length <= most) return text;
  return `${firstOf(text, most)}… [cut: ${text.length} characters]`;
}

/** The first characters, without half of a surrogate pair. */
function firstOf(text: string, most: number): string {
  const last = text.charCodeAt(most - 1);
  const whole = last >= 0xd800 && last <= 0xdbff ? most - 1 : most;
  return text.slice(0, whole);
}
