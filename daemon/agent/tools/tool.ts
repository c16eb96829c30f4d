/** The shape of every tool, whether it is built in or comes from an MCP server. */
import type {
  PlanEntry,
  ToolCallContent,
  ToolCallLocation,
  ToolKind,
} from "@agentclientprotocol/sdk";
import * as z from "zod";
import type { Commands } from "../commands.ts";
import type { Confinement } from "../../base/confinement.ts";

/** What the tools of one session share. */
export interface ToolWorld {
  readonly confinement: Confinement;
  readonly commands: Commands;
  readonly environment: NodeJS.ProcessEnv;
  readonly allowLocalFetch: boolean;
  showPlan(entries: PlanEntry[]): void;
}

/** What one call may use while it runs. */
export interface CallContext {
  signal: AbortSignal;
  /** Shows the output of the call so far; may be called often. */
  showOutput(text: string): void;
}

/** A call whose input was checked and that can be decided on. Nothing has been changed yet. */
export interface PreparedCall {
  /** Readable, one line. */
  title: string;
  /** Path, command line or address that permission rules match. */
  subject?: string;
  locations?: ToolCallLocation[];
  /** What a person who decides sees, such as a diff. */
  content?: ToolCallContent[];
  /** Whether rules and modes do not apply, because the tool's server decides. */
  needsNoPermission?: boolean;
  /** Executes the call. The model reads the message of a rejection. */
  act(context: CallContext): Promise<ToolOutput>;
}

export interface ToolOutput {
  text: string;
  /** Shown instead of the text, such as a diff. */
  content?: ToolCallContent[];
  /** The result as data, where the tool provides that; models get the text. */
  data?: unknown;
  /** The call was executed and failed, such as a command with an exit code. */
  failed?: boolean;
}

export interface Tool {
  name: string;
  /** The name for clients and rules, where models use a shorter one. */
  readonly shownName?: string;
  description: string;
  kind: ToolKind;
  /** JSON Schema. */
  inputSchema: object;
  /** Rejects with a sentence that the model can act on where the input is wrong. */
  prepare(input: unknown): Promise<PreparedCall>;
}

/** Creates a tool whose input a zod schema checks, with every fault named. */
export function defineTool<Schema extends z.ZodObject>(definition: {
  name: string;
  description: string;
  kind: ToolKind;
  input: Schema;
  prepare(input: z.infer<Schema>): PreparedCall | Promise<PreparedCall>;
}): Tool {
  const { name, description, kind, input, prepare } = definition;
  const { $schema: _dialect, ...inputSchema } = z.toJSONSchema(input, { io: "input" });
  return {
    name,
    description,
    kind,
    inputSchema,
    async prepare(raw) {
      const parsed = input.safeParse(raw);
      if (parsed.success) return await prepare(parsed.data);
      const faults = parsed.error.issues
        .map(({ path, message }) => `${path.join(".") || "input"}: ${message}`)
        .join("; ");
      const fields = Object.keys(input.shape).join(", ");
      throw new Error(`wrong input for ${name}: ${faults}. Its fields are: ${fields}`);
    },
  };
}

export function textContent(text: string): ToolCallContent[] {
  return [{ type: "content", content: { type: "text", text } }];
}
