/** Writes a file in pieces. */
import { rename, rm, writeFile as write } from "node:fs/promises";

/** Writes to another file first, so that the path never has half a file. False where given up. */
export async function writeFile(
  path: string,
  texts: AsyncIterable<string>,
  isGivenUp: () => boolean,
): Promise<boolean> {
  const unfinished = `${path}.part`;
  let isWhole = true;
  async function* untilGivenUp() {
    for await (const text of texts) {
      isWhole = !isGivenUp();
      if (!isWhole) return;
      yield text;
    }
  }
  try {
    await write(unfinished, untilGivenUp());
    if (isWhole) await rename(unfinished, path);
    return isWhole;
  } finally {
    await rm(unfinished, { force: true });
  }
}
