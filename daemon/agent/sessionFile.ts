/** Stores the conversation of a session in one file, which is replaced as a whole. */
import { mkdir, readFile, rename, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { ModelMessage } from "ai";
import * as z from "zod";

interface SessionRecord {
  model: string;
  cwd: string;
  messages: ModelMessage[];
}

/** We wrote the messages as the SDK has them; a file with anything else is refused. */
const SessionRecordFile = z.object({
  version: z.literal(1),
  model: z.string(),
  cwd: z.string(),
  messages: z.array(z.looseObject({ role: z.enum(["user", "assistant", "tool"]) })),
});

export type SessionFile = ReturnType<typeof createSessionFile>;

export function createSessionFile(folder: string, sessionId: string) {
  const file = join(folder, `${sessionId}.json`);
  let lastSave: Promise<void> = Promise.resolve();

  const write = async (text: string) => {
    await mkdir(folder, { recursive: true, mode: 0o700 });
    await writeFile(`${file}.new`, text, { mode: 0o600 });
    await rename(`${file}.new`, file);
  };
  return {
    save(record: SessionRecord): Promise<void> {
      const text = JSON.stringify({ version: 1, ...record });
      // Saves run one after the other, because all use the same temporary name.
      lastSave = lastSave.catch(() => undefined).then(() => write(text));
      return lastSave;
    },
    /** Undefined where there is no file. Rejects when the file cannot be read. */
    async load(): Promise<SessionRecord | undefined> {
      let text: string;
      try {
        text = await readFile(file, "utf8");
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
        throw error;
      }
      const { model, cwd, messages } = SessionRecordFile.parse(JSON.parse(text));
      return { model, cwd, messages: messages as unknown as ModelMessage[] };
    },
  };
}
