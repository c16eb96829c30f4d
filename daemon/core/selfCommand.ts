/** A small `offshoot` for the PATH of every run, so that a program can spawn children of its own. */
import { chmod, mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { StateFolder } from "../base/stateFolder.ts";

export async function writeSelfCommand(
  folder: StateFolder,
  selfCommand: readonly string[],
): Promise<void> {
  await mkdir(folder.binDir, { recursive: true, mode: 0o700 });
  if (process.platform === "win32") {
    const line = selfCommand.map((part) => `"${part}"`).join(" ");
    await writeFile(join(folder.binDir, "offshoot.cmd"), `@${line} %*\r\n`);
    return;
  }
  const line = selfCommand.map((part) => `'${part.replaceAll("'", "'\\''")}'`).join(" ");
  const file = join(folder.binDir, "offshoot");
  await writeFile(file, `#!/bin/sh\nexec ${line} "$@"\n`);
  await chmod(file, 0o755);
}
