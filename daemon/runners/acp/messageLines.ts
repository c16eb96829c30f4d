/** Reads messages, one per line of JSON, from whatever an agent writes to its stdout. */
import type { Readable } from "node:stream";
import { isJson, type Json } from "../formats/json.ts";

/** A longer line, in bytes, ends the connection: nobody says so much in one message. */
export const maxLineBytes = 64 * 1024 * 1024;

export interface LineTaker {
  message(message: Json): void;
  /** A line that is no JSON object, such as a warning that went to the wrong stream. */
  noise(line: string): void;
  /** What was read has to be stored before more is read. */
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

/** Where a message begins that follows, on the same line, something that was written without end. */
const messageStart = '{"jsonrpc"';

function takeLine(line: string, taker: LineTaker): void {
  if (line === "") return;
  const message = parsed(line);
  if (message) return taker.message(message);
  const start = line.indexOf(messageStart, 1);
  const late = start < 0 ? undefined : parsed(line.slice(start));
  taker.noise(late ? line.slice(0, start) : line);
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
