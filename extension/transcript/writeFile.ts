/** Writes a file in pieces. */
import { once } from "node:events";
import { createWriteStream } from "node:fs";
import { rename, rm } from "node:fs/promises";
import { finished } from "node:stream/promises";

/** Writes to another file first, so that the path never has half a file. False where given up. */
export async function writeFile(
  path: string,
  texts: AsyncIterable<string>,
  isGivenUp: () => boolean,
): Promise<boolean> {
  const unfinished = `${path}.part`;
  const file = createWriteStream(unfinished);
  try {
    for await (const text of texts) {
      if (isGivenUp()) return false;
      if (!file.write(text)) await once(file, "drain");
    }
    file.end();
    await finished(file);
    await rename(unfinished, path);
    return true;
  } finally {
    file.destroy();
    await rm(unfinished, { force: true });
  }
}
