/** Reads messages, one JSON object per line, from an agent's stdout. */
import type { Readable } from "node:stream";
import { parseJson, type Json } from "../formats/json.ts";
import { jsonLines } from "../formats/jsonLines.ts";

/** In bytes. A longer line ends the connection. */
export const maxLineBytes = 64 * 1024 * 1024;

/** The beginning of a message that follows other output on the same line. */
const messageStart = '{"jsonrpc"';

/** Resolves when the stream has ended or was destroyed; rejects on a line that is too long. */
export async function readMessageLines(
  output: Readable,
  taker: {
    message(message: Json): void;
    /** Called with a line that is not a JSON object, such as a warning on the wrong stream. */
    nonJsonLine(line: string): void;
    /** Resolves when more may be read. */
    ready(): Promise<void>;
  },
): Promise<void> {
  let isTooLong = false;
  const lines = jsonLines({
    mostBytes: maxLineBytes,
    object: (message) => taker.message(message),
    other(text) {
      const line = text.trim();
      const start = line.indexOf(messageStart, 1);
      const message = start < 0 ? undefined : parseJson(line.slice(start));
      taker.nonJsonLine(message ? line.slice(0, start) : line);
      if (message) taker.message(message);
    },
    tooLong() {
      isTooLong = true;
      throw new Error(`The agent wrote a line of more than ${maxLineBytes} bytes.`);
    },
  });
  try {
    for await (const chunk of output as AsyncIterable<Buffer>) {
      lines.write(chunk);
      await taker.ready();
    }
  } catch (error) {
    if (!output.destroyed || isTooLong) throw error;
  }
  lines.flush();
}
