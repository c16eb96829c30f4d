/** Values of events as text. Pure. */
import type { AgentEvent } from "../../protocol/events.ts";

export function textOfEvent(event: AgentEvent): string {
  if ("text" in event) return event.text;
  if (event.type === "tool.started") return textOfValue(event.input);
  return textOfValue(event.type === "tool.completed" ? event.output : event);
}

/** The input or result of a tool: texts as they are, also in content blocks; otherwise as JSON. */
export function textOfValue(value: unknown): string {
  if (value === undefined || value === null) return "";
  if (typeof value === "string") return value;
  if (Array.isArray(value) && value.length > 0) {
    const texts = value.map(textOfContent);
    if (texts.every((text) => text !== undefined)) return texts.join("\n");
  }
  return textOfContent(value) ?? JSON.stringify(value, undefined, 2);
}

function textOfContent(value: unknown): string | undefined {
  if (typeof value !== "object" || value === null) return undefined;
  const { type, text } = value as { type?: unknown; text?: unknown };
  return type === "text" && typeof text === "string" ? text : undefined;
}
