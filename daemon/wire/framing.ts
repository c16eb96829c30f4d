/**
 * The base protocol of the Language Server Protocol, both ways: `Content-Length: N`, an empty line,
 * N bytes of UTF-8 JSON. Bytes come in any portions; frames leave whole. JSON is not parsed here.
 */
import type { Writable } from "node:stream";

/** A longer message ends the connection that it came on. */
export const longestBody = 64 * 1024 * 1024;
/** A longer header does too; it is counted without the empty line that ends it. */
export const longestHeader = 8 * 1024;

export type FramingFault = "garbledHeader" | "headerTooLong" | "bodyTooLong";

/** The bytes are no frames. There is no way to find the next one: end the connection. */
export class FramingError extends Error {
  readonly fault: FramingFault;

  constructor(fault: FramingFault, message: string) {
    super(message);
    this.name = "FramingError";
    this.fault = fault;
  }
}

/**
 * Called with every frame: its body, and where in the portion that was pushed last the frame ends.
 * A body inside one portion is a view into that portion: copy what you keep for long.
 */
export type OnFrame = (body: Buffer, end: number) => void;

/**
 * Cuts a stream of bytes into frames. A small frame inside one portion costs no copy, a large one
 * that comes in many portions exactly one.
 */
export class FrameSplitter {
  readonly #onFrame: OnFrame;
  /** The beginning of a header, while its end has not come. */
  #header: Buffer = nothing;
  /** What has come of a body of `#bodyLength` bytes; undefined between two bodies. */
  #parts: Buffer[] = [];
  #bodyLength: number | undefined;
  #missing = 0;
  #broken = false;

  constructor(onFrame: OnFrame) {
    this.#onFrame = onFrame;
  }

  /**
   * Takes the next portion and calls `onFrame` for every frame that ends in it, in order. Throws a
   * FramingError once, when the bytes break the rules; what is pushed after that is ignored.
   */
  push(chunk: Buffer): void {
    let offset = 0;
    while (!this.#broken) {
      const length = this.#bodyLength;
      // An empty body is whole before another byte has come.
      if (offset === chunk.length && (length === undefined || this.#missing > 0)) return;
      if (length === undefined) offset = this.#readHeader(chunk, offset);
      else offset = this.#readBody(chunk, offset, length);
    }
  }

  #readHeader(chunk: Buffer, offset: number): number {
    const before = this.#header.length;
    const bytes = before === 0 ? chunk : this.#joinHeader(chunk, offset);
    const start = before === 0 ? offset : 0;
    const end = bytes.indexOf(headerEnd, Math.max(start, before - headerEnd.length + 1));
    if (
      end < 0
        ? bytes.length - start >= longestHeader + headerEnd.length
        : end - start > longestHeader
    ) {
      throw this.#fail("headerTooLong", `a header is longer than ${longestHeader} bytes`);
    }
    if (end < 0) {
      // A copy, because a view would keep the whole portion in memory.
      this.#header = before === 0 ? Buffer.from(chunk.subarray(offset)) : bytes;
      return chunk.length;
    }
    this.#header = nothing;
    this.#bodyLength = this.#missing = this.#parseHeader(bytes.toString("latin1", start, end));
    return end + headerEnd.length + (before === 0 ? 0 : offset - before);
  }

  /** What is there of the header, and no more of the portion than could belong to it. */
  #joinHeader(chunk: Buffer, offset: number): Buffer {
    const room = longestHeader + headerEnd.length - this.#header.length;
    return Buffer.concat([this.#header, chunk.subarray(offset, offset + room)]);
  }

  #parseHeader(header: string): number {
    const digits = commonHeader.exec(header)?.[1] ?? contentLength(header);
    if (digits === undefined) {
      const seen = JSON.stringify(header.slice(0, 100));
      throw this.#fail("garbledHeader", `a header has no readable Content-Length: ${seen}`);
    }
    const length = Number(digits);
    if (length > longestBody) {
      throw this.#fail(
        "bodyTooLong",
        `a message of ${digits} bytes is over the limit of ${longestBody} bytes`,
      );
    }
    return length;
  }

  #readBody(chunk: Buffer, offset: number, length: number): number {
    const end = Math.min(offset + this.#missing, chunk.length);
    const part = chunk.subarray(offset, end);
    this.#missing -= part.length;
    if (this.#missing > 0) {
      this.#parts.push(part);
      return end;
    }
    const body = part.length === length ? part : Buffer.concat([...this.#parts, part], length);
    this.#parts = [];
    this.#bodyLength = undefined;
    this.#onFrame(body, end);
    return end;
  }

  #fail(fault: FramingFault, message: string): FramingError {
    this.#broken = true;
    this.#header = nothing;
    return new FramingError(fault, message);
  }
}

const nothing = Buffer.alloc(0);
const headerEnd = Buffer.from("\r\n\r\n");
const commonHeader = /^Content-Length: (\d{1,20})$/;

/** The digits of the one Content-Length among header lines in ASCII, or undefined. */
function contentLength(header: string): string | undefined {
  const fields = header
    .split("\r\n")
    .map((line) => /^([!-9;-~]+):[ \t]*([ -~]*?)[ \t]*$/.exec(line));
  if (fields.includes(null)) return undefined;
  const lengths = fields.filter((field) => field?.[1]?.toLowerCase() === "content-length");
  const value = lengths.length === 1 ? lengths[0]?.[2] : undefined;
  return value !== undefined && /^\d{1,20}$/.test(value) ? value : undefined;
}

/** One frame with its header, ready to be written. */
export function frame(body: Buffer | string): Buffer {
  const length = typeof body === "string" ? Buffer.byteLength(body) : body.length;
  const header = `Content-Length: ${length}\r\n\r\n`;
  if (typeof body === "string") return Buffer.from(header + body);
  return Buffer.concat([Buffer.from(header), body]);
}

/** Leave a frame as it is, or what stands in its place: other frames, or none. */
export type Verdict = "pass" | readonly Buffer[];

/**
 * Passes whole frames on as they came, as slices of the portions that they came in: one call of
 * `write` for all frames that end in a portion. `judge` sees every body first. `fail` is called once,
 * after the whole frames before the fault have been written.
 */
export function passFrames(
  judge: (body: Buffer) => Verdict,
  write: (slices: readonly Buffer[]) => void,
  fail: (error: FramingError) => void,
): (chunk: Buffer) => void {
  /** What came before of the frame that the next portion goes on with. */
  let held: Buffer[] = [];
  let chunk: Buffer = nothing;
  let slices: Buffer[] = [];
  let from = 0;
  let to = 0;
  const splitter = new FrameSplitter((body, end) => {
    const verdict = judge(body);
    if (verdict !== "pass") {
      if (to === 0) slices = [];
      else if (to > from) slices.push(chunk.subarray(from, to));
      slices.push(...verdict);
      from = end;
    }
    to = end;
  });
  return (portion) => {
    chunk = portion;
    slices = held;
    from = to = 0;
    let fault: FramingError | undefined;
    try {
      splitter.push(chunk);
    } catch (error) {
      if (!(error instanceof FramingError)) throw error;
      fault = error;
    }
    if (to > from) slices.push(chunk.subarray(from, to));
    if (to === 0) {
      held.push(chunk);
    } else {
      held = to < chunk.length ? [chunk.subarray(to)] : [];
      if (slices.length > 0) write(slices);
    }
    if (fault) fail(fault);
  };
}

/** Writes all slices in one go, without joining them; false when the stream wants a pause. */
export function writeSlices(stream: Writable, slices: readonly Buffer[]): boolean {
  if (slices.length > 1) stream.cork();
  let goOn = true;
  for (const slice of slices) goOn = stream.write(slice);
  if (slices.length > 1) stream.uncork();
  return goOn;
}
