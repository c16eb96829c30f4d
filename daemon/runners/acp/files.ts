/** Reads and writes files for an agent, inside the session's folder only. */
import { mkdir, readFile, stat, writeFile } from "node:fs/promises";
import { dirname } from "node:path";
import type { Confinement } from "../../base/confinement.ts";
import { numberIn, textIn, type Json } from "../formats/json.ts";
import type { ApprovalAnswer, ApprovalQuestion } from "../runner.ts";
import { changeOf } from "./contents.ts";
import { AcpError, errorCodes } from "./names.ts";
import { messageOf } from "../../base/errors.ts";

/** In bytes. A larger file is not read for an agent. */
const maxFileBytes = 32 * 1024 * 1024;

interface Parts {
  confinement: Confinement;
  ask: (question: ApprovalQuestion) => Promise<ApprovalAnswer>;
  /**
   * Whether the same change was allowed before as part of a tool call. Each permission counts once.
   */
  isAllowed: (path: string, newText: string) => boolean;
}

export function createFiles({ confinement, ask, isAllowed }: Parts) {
  async function placeOf(params: Json): Promise<string> {
    const path = textIn(params, "path");
    if (path === undefined) throw new AcpError(errorCodes.invalidParams, "A path is missing.");
    try {
      return await confinement.inside(path);
    } catch (error) {
      throw new AcpError(errorCodes.invalidParams, messageOf(error));
    }
  }

  return {
    async read(params: Json): Promise<{ content: string }> {
      const path = await placeOf(params);
      const subject = confinement.shown(path);
      const question = { toolName: "read_text_file", kind: "read", subject } as const;
      refuseUnlessAllowed(
        await ask({ ...question, title: `Read ${subject}`, input: { path: subject } }),
      );
      const text = (await textOf(path)) ?? "";
      return { content: partOf(text, numberIn(params, "line"), numberIn(params, "limit")) };
    },

    async write(params: Json): Promise<object> {
      const path = await placeOf(params);
      const { content } = params;
      if (typeof content !== "string") {
        throw new AcpError(errorCodes.invalidParams, "The content is missing.");
      }
      const subject = confinement.shown(path);
      if (!isAllowed(path, content)) {
        const before = await textOf(path).catch((error: unknown) => {
          if (error instanceof AcpError && error.code === errorCodes.resourceNotFound) return null;
          throw error;
        });
        const { diff } = changeOf(subject, before, content);
        const question = { toolName: "write_text_file", kind: "edit", subject } as const;
        refuseUnlessAllowed(
          await ask({ ...question, title: `Write ${subject}`, input: { path: subject, diff } }),
        );
      }
      try {
        await mkdir(dirname(path), { recursive: true });
        await writeFile(path, content);
      } catch (error) {
        throw new AcpError(errorCodes.internalError, messageOf(error));
      }
      return {};
    },
  };
}

/** Throws unless the answer allows the change as it is; a changed input cannot be passed on. */
export function refuseUnlessAllowed({ decision, input, message }: ApprovalAnswer): void {
  const isAllowed = decision === "allowOnce" || decision === "allowAlways";
  if (isAllowed && input === undefined) return;
  const why =
    decision === "expired"
      ? "The run has ended."
      : (message ?? (isAllowed ? "It was allowed in another form only." : "It was not allowed."));
  throw new AcpError(errorCodes.internalError, `Permission denied: ${why}`);
}

async function textOf(path: string): Promise<string> {
  try {
    const facts = await stat(path);
    if (!facts.isFile()) throw new Error(`${path} is not a file.`);
    if (facts.size > maxFileBytes) {
      throw new Error(`${path} has ${facts.size} bytes, more than the ${maxFileBytes} allowed.`);
    }
    return await readFile(path, "utf8");
  } catch (error) {
    const isMissing = (error as NodeJS.ErrnoException).code === "ENOENT";
    if (isMissing) throw new AcpError(errorCodes.resourceNotFound, `There is no file ${path}.`);
    throw new AcpError(errorCodes.internalError, messageOf(error));
  }
}

/** Cuts a text to `limit` lines from `line`, which counts from 1. */
function partOf(text: string, line: number | undefined, limit: number | undefined): string {
  if (line === undefined && limit === undefined) return text;
  const lines = text.split(/(?<=\n)/);
  const start = Math.max(0, (line ?? 1) - 1);
  return lines.slice(start, limit === undefined ? undefined : start + limit).join("");
}
