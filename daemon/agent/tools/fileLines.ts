/** Reads a file by lines, however long they are. */
import { createReadStream } from "node:fs";

const lineEnd = "\n".charCodeAt(0);

/** The bytes of a line without its end. */
export interface FileLine {
  bytes: Buffer;
  /** Whether the line is longer than `bytes`. */
  isCut: boolean;
}

/** Keeps at most `mostBytes` of a line, so that a line of 700 MB takes no memory. */
export async function* fileLines(file: string, mostBytes: number): AsyncGenerator<FileLine> {
  let line: FileLine = { bytes: Buffer.alloc(0), isCut: false };
  const chunks: AsyncIterable<Buffer> = createReadStream(file, { highWaterMark: 256 * 1024 });
  for await (const chunk of chunks) {
    let start = 0;
    for (;;) {
      const end = chunk.indexOf(lineEnd, start);
      const piece = chunk.subarray(start, end === -1 ? chunk.length : end);
      line = longer(line, piece, mostBytes);
      if (end === -1) break;
      yield line;
      line = { bytes: Buffer.alloc(0), isCut: false };
      start = end + 1;
    }
  }
  if (line.bytes.length > 0) yield line;
}

function longer({ bytes, isCut }: FileLine, piece: Buffer, mostBytes: number): FileLine {
  const room = mostBytes - bytes.length;
  if (room === 0) return { bytes, isCut: isCut || piece.length > 0 };
  return {
    bytes: Buffer.concat([bytes, piece.subarray(0, room)]),
    isCut: piece.length > room,
  };
}
