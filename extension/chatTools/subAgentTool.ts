/** The shape of a tool for the editor's chat; needs no editor. */
import type { CancellationToken } from "vscode";
import * as z from "zod";
import { messageOf } from "../base/errors.ts";
import { adviceFor } from "./toolText.ts";

/** What the person is asked before the tool acts; a model has written `text`. */
export interface Confirmation {
  title: string;
  facts: string[];
  text?: string;
}

export interface SubAgentTool {
  name: string;
  input: z.ZodType;
  progress(input: unknown): string;
  /** Absent for a tool that only reads. */
  confirmation?(input: unknown): Confirmation;
  /** Resolves with text for the model. Rejects with advice for the model. */
  run(input: unknown, token: CancellationToken): Promise<string>;
}

/** Types a tool by its input, and adds advice to its errors. */
export function defineTool<Input extends z.ZodType>(tool: {
  name: string;
  input: Input;
  progress: (input: z.infer<Input>) => string;
  confirmation?: (input: z.infer<Input>) => Confirmation;
  run: (input: z.infer<Input>, token: CancellationToken) => Promise<string>;
}): SubAgentTool {
  const { name, input, progress, confirmation, run } = tool;
  const parse = (value: unknown): z.infer<Input> => {
    const parsed = input.safeParse(value);
    if (parsed.success) return parsed.data;
    throw new Error(`wrong input for ${name}: ${z.prettifyError(parsed.error)}`);
  };
  return {
    name,
    input,
    progress: (value) => progress(parse(value)),
    ...(confirmation && { confirmation: (value) => confirmation(parse(value)) }),
    async run(value, token) {
      try {
        return await run(parse(value), token);
      } catch (error) {
        const sentence = messageOf(error).replace(/\.?$/, ".");
        throw new Error(`${sentence} ${adviceFor(error)}`.trim(), { cause: error });
      }
    },
  };
}
