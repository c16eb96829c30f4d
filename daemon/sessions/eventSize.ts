/**
 * Keeps events small: an event larger than `maxEventBytes` has its longest texts cut, with a mark
 * that names the blob of the session in which the whole text is kept.
 */
import { maxEventBytes, type AgentEvent } from "../../protocol/events.ts";
import type { BlobPart } from "./records.ts";

export interface Blob {
  blobId: string;
  text: string;
}

/** Characters in one stored part of a blob. */
export const blobPartLength = 64 * 1024;

/** Characters of a cut text that stay in the event. */
const kept = 32 * 1024;

/** `name` has to be unique within the session: blobs are called `<name>-1`, `<name>-2`, … */
export function boundEvent(event: AgentEvent, name: string): { event: AgentEvent; blobs: Blob[] } {
  // A character is at most 6 bytes of JSON, so short outputs need no measuring.
  if (event.type === "output" && event.text.length * 6 <= maxEventBytes) {
    return { event, blobs: [] };
  }
  if (Buffer.byteLength(JSON.stringify(event)) <= maxEventBytes) return { event, blobs: [] };
  const blobs: Blob[] = [];
  const cut = (value: unknown): unknown => {
    if (typeof value === "string") {
      if (value.length <= kept) return value;
      const blobId = `${name}-${blobs.length + 1}`;
      blobs.push({ blobId, text: value });
      return `${wholeCharacters(value, kept)}… [cut: ${value.length} characters, blob ${blobId}]`;
    }
    if (Array.isArray(value)) return value.map(cut);
    if (typeof value !== "object" || value === null) return value;
    return Object.fromEntries(Object.entries(value).map(([key, field]) => [key, cut(field)]));
  };
  const bounded = cut(event) as AgentEvent;
  if (Buffer.byteLength(JSON.stringify(bounded)) <= maxEventBytes) return { event: bounded, blobs };
  return wholeAsBlob(event, name);
}

/** Many small texts can be too large together: then a note takes the place of the event. */
function wholeAsBlob(event: AgentEvent, name: string): { event: AgentEvent; blobs: Blob[] } {
  const blobId = `${name}-0`;
  const text = `a ${event.type} was too large to show; it is kept as blob ${blobId}`;
  return {
    event: { type: "note", level: "warning", text },
    blobs: [{ blobId, text: JSON.stringify(event) }],
  };
}

/** The first `length` characters, one less where that would cut a surrogate pair. */
function wholeCharacters(text: string, length: number): string {
  const last = text.charCodeAt(length - 1);
  return text.slice(0, last >= 0xd800 && last <= 0xdbff ? length - 1 : length);
}

/** A blob as it is stored. */
export function blobParts(sessionId: string, { blobId, text }: Blob): BlobPart[] {
  const parts: BlobPart[] = [];
  for (let at = 0; at < text.length; at += blobPartLength) {
    const part = parts.length;
    parts.push({ sessionId, blobId, part, text: text.slice(at, at + blobPartLength) });
  }
  return parts;
}
