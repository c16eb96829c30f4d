/** Checks the folders that clients name, without waiting for a disk that does not answer. */
import { stat as statOf } from "node:fs/promises";
import { setTimeout as delay } from "node:timers/promises";
import { OffshootError } from "../../protocol/errors.ts";
import { messageOf } from "./errors.ts";
import { absolutePath } from "./invalidParams.ts";

export interface Folders {
  /** The folder as a normalised absolute path. Throws 1013 where there is none. */
  checked(cwd: string): Promise<string>;
}

interface Parts {
  stat: (path: string) => Promise<{ isDirectory(): boolean }>;
  answersWithinMs: number;
}

/** A look at a hung disk holds one of Node's four threads for files, and the store needs them too. */
const mostLooks = 2;

export function createFolders(parts: Partial<Parts> = {}): Folders {
  const { stat = statOf, answersWithinMs = 5_000 } = parts;
  /** What is wrong with a folder, while that is not known yet. */
  const asked = new Map<string, Promise<string | undefined>>();
  const looks = new Set<Promise<string | undefined>>();

  async function look(folder: string): Promise<string | undefined> {
    try {
      const found = await stat(folder);
      return found.isDirectory() ? undefined : `${folder} is a file, not a folder`;
    } catch (cause) {
      const code = cause instanceof Error && "code" in cause ? cause.code : undefined;
      const isMissing = code === "ENOENT" || code === "ENOTDIR";
      if (isMissing) return `the folder ${folder} does not exist`;
      return `the folder ${folder} cannot be used: ${messageOf(cause)}`;
    }
  }

  async function lookInTurn(folder: string): Promise<string | undefined> {
    while (looks.size >= mostLooks) await Promise.race(looks);
    const looking = look(folder).finally(() => looks.delete(looking));
    looks.add(looking);
    return await looking;
  }

  /** Requests for a folder that is being looked at share the answer. */
  function faultOf(folder: string): Promise<string | undefined> {
    const before = asked.get(folder);
    if (before !== undefined) return before;
    const asking = lookInTurn(folder).finally(() => asked.delete(folder));
    asked.set(folder, asking);
    return asking;
  }

  return {
    async checked(cwd) {
      const folder = absolutePath(cwd, "cwd");
      const over = new AbortController();
      const late = delay(answersWithinMs, undefined, { signal: over.signal, ref: false }).then(
        () => `the folder ${folder} did not answer within ${answersWithinMs / 1000} s`,
        () => undefined,
      );
      const fault = await Promise.race([faultOf(folder), late]);
      over.abort();
      if (fault === undefined) return folder;
      throw new OffshootError("cwdNotFound", fault, { cwd: folder });
    },
  };
}
