/** Turns the bytes that a program writes into texts, one per line within bounds. */

import { stripVTControlCharacters } from "node:util";

/** The most bytes of UTF-8 in one text. */
export const maxTextBytes = 64 * 1024;

/** In a chunk with more lines than this, a text holds as many lines as fit. */
const maxLinesPerChunk = 100;

/** The beginning of an incomplete line is emitted after this time. */
const partialAfterMs = 100;

export interface OutputLines {
  write(chunk: Uint8Array): void;
  /** Ends the stream: emits what is still held. */
  flush(): void;
}

/** Calls back once after a time; returns a function that cancels the call. */
export type StartTimer = (callback: () => void, ms: number) => () => void;

/**
 * The joined texts are the stream, decoded as UTF-8 with invalid bytes replaced: line ends are
 * kept, and no character is split between chunks or texts. At most 64 KiB and one chunk are held.
 */
export function outputLines(
  emit: (text: string) => void,
  startTimer: StartTimer = realTimer,
): OutputLines {
  const decoder = new TextDecoder("utf-8", { ignoreBOM: true });
  let held = "";
  let stopTimer: (() => void) | undefined;

  const hold = (text: string) => {
    held = text;
    stopTimer?.();
    stopTimer = undefined;
  };

  const take = (text: string) => {
    const linesEnd = text.lastIndexOf("\n") + 1;
    if (linesEnd > 0) {
      for (const piece of linesOf(held + text.slice(0, linesEnd))) emit(piece);
      hold(text.slice(linesEnd));
    } else {
      held += text;
    }
    while (!fits(held)) {
      const end = fittingEnd(held);
      emit(held.slice(0, end));
      hold(held.slice(end));
    }
    if (held !== "") {
      stopTimer ??= startTimer(() => {
        const text_ = held;
        hold("");
        emit(text_);
      }, partialAfterMs);
    }
  };

  return {
    write: (chunk) => take(decoder.decode(chunk, { stream: true })),
    flush() {
      take(decoder.decode());
      const rest = held;
      hold("");
      if (rest !== "") emit(rest);
    },
  };
}

/**
 * Cuts complete lines into texts: one per line, or as many lines as fit where there are very many.
 */
function* linesOf(lines: string): Generator<string> {
  const together = hasManyLines(lines);
  for (let start = 0; start < lines.length;) {
    const end = together ? lines.length : lines.indexOf("\n", start) + 1;
    let text = lines.slice(start, end);
    if (!fits(text)) {
      text = text.slice(0, fittingEnd(text));
      text = text.slice(0, text.lastIndexOf("\n") + 1 || text.length);
    }
    yield text;
    start += text.length;
  }
}

function hasManyLines(lines: string): boolean {
  let count = 0;
  for (let at = lines.indexOf("\n"); at >= 0; at = lines.indexOf("\n", at + 1)) {
    count += 1;
    if (count > maxLinesPerChunk) return true;
  }
  return false;
}

function fits(text: string): boolean {
  return text.length * 3 <= maxTextBytes || Buffer.byteLength(text) <= maxTextBytes;
}

const encoder = new TextEncoder();
const measure = new Uint8Array(maxTextBytes);

/** How much of the text fits: `encodeInto` stops before a character that does not fit. */
function fittingEnd(text: string): number {
  return encoder.encodeInto(text, measure).read;
}

function realTimer(callback: () => void, ms: number): () => void {
  const timer = setTimeout(callback, ms);
  return () => clearTimeout(timer);
}

/** Keeps the end of a text that comes in pieces: `text()` has at most `maxBytes` of UTF-8. */
export function endOfText(maxBytes: number): { add(text: string): void; text(): string } {
  let kept = "";
  return {
    add(text) {
      kept += text;
      // A unit of a string has at least one byte, so this many units are enough.
      if (kept.length > 4 * maxBytes) kept = kept.slice(-maxBytes);
    },
    text() {
      const bytes = Buffer.from(kept);
      let start = Math.max(0, bytes.length - maxBytes);
      while (start > 0 && isInsideCharacter(bytes[start])) start += 1;
      return bytes.toString("utf8", start);
    },
  };
}

/** Every byte of a character in UTF-8 except the first has this form. */
function isInsideCharacter(byte: number | undefined): boolean {
  return byte !== undefined && (byte & 0xc0) === 0x80;
}

/** A label for people: the last non-empty line of a text, cut to a bound. */
export function labelOf(text: string): string {
  const lines = stripVTControlCharacters(text.slice(-4000)).split(/[\r\n]+/);
  const line = lines.findLast((candidate) => candidate.trim() !== "") ?? "";
  const printable = line.replace(/\p{Cc}+/gu, " ").trim();
  const characters = Array.from(printable);
  return characters.length <= maxLabelCharacters
    ? printable
    : `${characters.slice(0, maxLabelCharacters - 1).join("")}…`;
}

const maxLabelCharacters = 120;

/** Reports the last output at intervals, because output may be fast and people read it. */
export function activityLabel(
  tell: (label: string) => void,
  startTimer: StartTimer = realTimer,
): { add(text: string): void; stop(): void } {
  let latest = "";
  let stopTimer: (() => void) | undefined;
  return {
    add(text) {
      if (!/\S/.test(text)) return;
      latest = text;
      stopTimer ??= startTimer(() => {
        stopTimer = undefined;
        const label = labelOf(latest);
        if (label !== "") tell(label);
      }, 100);
    },
    stop() {
      stopTimer?.();
      stopTimer = undefined;
    },
  };
}
