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

function takeLine(line: string, taker: LineTaker): void {
  if (line === "") return;
  let message: unknown;
  try {
    message = JSON.parse(line);
  } catch {
    return taker.noise(line);
  }
  if (isJson(message)) taker.message(message);
  else taker.noise(line);
}
