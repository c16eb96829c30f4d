/** Reads messages, one JSON object per line, from an agent's stdout. */
import type { Readable } from "node:stream";
import { isJson, type Json } from "../formats/json.ts";

/** In bytes. A longer line ends the connection. */
export const maxLineBytes = 64 * 1024 * 1024;

export interface LineTaker {
  message(message: Json): void;
  /** Called with a line that is not a JSON object, such as a warning on the wrong stream. */
  nonJsonLine(line: string): void;
  /** Resolves when more may be read. */
  ready(): Promise<void>;
}

/** Resolves when the stream has ended or was destroyed; rejects on a line that is too long. */
export async function readMessageLines(output: Readable, taker: LineTaker): Promise<void> {
  const parts: Buffer[] = [];
  let size = 0;
  const take = (end: Buffer) => {
    const line = parts.length === 0 ? end : Buffer.concat([...parts, end]);
    parts.length = 0;
    size = 0;
    takeLine(line.toString("utf8").trim(), taker);
  };
  try {
    for await (const chunk of output as AsyncIterable<Buffer>) {
      let start = 0;
      for (let end = chunk.indexOf(10); end >= 0; end = chunk.indexOf(10, start)) {
        take(chunk.subarray(start, end));
        start = end + 1;
      }
      const rest = chunk.subarray(start);
      if (rest.length > 0) parts.push(rest);
      size += rest.length;
      if (size > maxLineBytes) {
        throw new Error(`The agent wrote a line of more than ${maxLineBytes} bytes.`);
      }
      await taker.ready();
    }
  } catch (error) {
    if (!output.destroyed || size > maxLineBytes) throw error;
  }
  if (size > 0) take(Buffer.alloc(0));
}

/** The beginning of a message that follows other output on the same line. */
const messageStart = '{"jsonrpc"';

function takeLine(line: string, taker: LineTaker): void {
  if (line === "") return;
  const message = parsed(line);
  if (message) return taker.message(message);
  const start = line.indexOf(messageStart, 1);
  const late = start < 0 ? undefined : parsed(line.slice(start));
  taker.nonJsonLine(late ? line.slice(0, start) : line);
  if (late) taker.message(late);
}

function parsed(text: string): Json | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return isJson(value) ? value : undefined;
  } catch {
    return undefined;
  }
}
