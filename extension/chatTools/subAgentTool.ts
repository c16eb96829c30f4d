/** A tool for the editor's own agent, without anything of the editor. */
import * as z from "zod";
import { adviceFor } from "./toolText.ts";

/** What a person is asked before the tool acts; `text` comes from a model. */
export interface Confirmation {
  title: string;
  facts: string[];
  text?: string;
}

export interface SubAgentTool {
  name: string;
  input: z.ZodType;
  /** What is shown while it works. */
  progress(input: unknown): string;
  /** Absent for what only looks. */
  confirmation?(input: unknown): Confirmation;
  /** Answers text for the model. Rejects with what the model can do about it. */
  run(input: unknown, signal: AbortSignal): Promise<string>;
}

/** Types the parts of a tool by its input, and makes every failure say what to do about it. */
export function defineTool<Input extends z.ZodType>(tool: {
  name: string;
  input: Input;
  progress: (input: z.infer<Input>) => string;
  confirmation?: (input: z.infer<Input>) => Confirmation;
  run: (input: z.infer<Input>, signal: AbortSignal) => Promise<string>;
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
    async run(value, signal) {
      try {
        return await run(parse(value), signal);
      } catch (error) {
        const message = error instanceof Error ? error.message : String(error);
        const sentence = message.replace(/\.?$/, ".");
        throw new Error(`${sentence} ${adviceFor(error)}`.trim(), { cause: error });
      }
    },
  };
}

/** Absent means unchanged on the wire, and a key that holds undefined is not absent. */
export function present<Fields extends object>(fields: Fields): Partial<Fields> {
  const entries = Object.entries(fields).filter(([, value]) => value !== undefined);
  return Object.fromEntries(entries) as Partial<Fields>;
}

/** What it resolves to; rejects as soon as nobody waits for it any more. */
export async function unlessAborted<Value>(
  promise: Promise<Value>,
  signal: AbortSignal,
): Promise<Value> {
  const { promise: aborted, reject } = Promise.withResolvers<never>();
  const abort = () => reject(signal.reason);
  signal.addEventListener("abort", abort, { once: true });
  try {
    return await Promise.race([promise, aborted]);
  } finally {
    signal.removeEventListener("abort", abort);
    // What is not waited for any more may still fail.
    promise.catch(() => undefined);
  }
}
