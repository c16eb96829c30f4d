/**
 * Bounds what a tool returns to the model; the full text goes to a file that read_file may read.
 */
import { mkdir, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { messageOf } from "../base/errors.ts";

/** In bytes of UTF-8. */
const mostBytes = 32 * 1024;
const headBytes = 24 * 1024;
const tailBytes = 7 * 1024;

/** Returns the text, or its beginning and end with the name of the file in between. */
export async function boundOutput(parts: {
  text: string;
  scratchDir: string;
  name: string;
}): Promise<string> {
  const { text, scratchDir, name } = parts;
  const bytes = Buffer.from(text);
  if (bytes.length <= mostBytes) return text;
  const file = join(scratchDir, `${name}.txt`);
  const where = await writeWhole(file, bytes).then(
    () => `all of it is in ${file}, for read_file`,
    // The tool has already acted, so a part of its output is worth more than an error.
    (error: unknown) => `the full text could not be stored: ${messageOf(error)}`,
  );
  const head = withoutBrokenEnds(bytes.subarray(0, headBytes));
  const tail = withoutBrokenEnds(bytes.subarray(-tailBytes));
  const cut = bytes.length - headBytes - tailBytes;
  return `${head}\n\n[${cut} bytes left out; ${where}]\n\n${tail}`;
}

async function writeWhole(file: string, bytes: Uint8Array): Promise<void> {
  await mkdir(dirname(file), { recursive: true, mode: 0o700 });
  await writeFile(file, bytes, { mode: 0o600 });
}

/** A cut may split a character. */
function withoutBrokenEnds(bytes: Buffer): string {
  return bytes.toString("utf8").replace(/^\uFFFD+|\uFFFD+$/g, "");
}
