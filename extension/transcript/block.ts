/** The blocks of a transcript, and the state in which they are built. Pure. */
import type { AgentEvent } from "../../protocol/events.ts";
import type { SessionStatus } from "../../protocol/session.ts";
import type { ShownEvent } from "./pageMessages.ts";

export interface BlockBase {
  /** The same for as long as the block is shown. */
  key: string;
  /** Changes whenever the block does. */
  revision: number;
  /** Number of its first event; 0 for a message that was sent to the session. */
  seq: number;
  at: number;
  cuts: Cut[];
}

export interface Cut {
  seq: number;
  length: number;
  /** Which text of the block it is, where it has several. */
  part?: "input" | "output";
}

export interface TextBlock extends BlockBase {
  kind: "message" | "thought";
  text: string;
  isOpen: boolean;
}

export interface OutputBlock extends BlockBase {
  kind: "output";
  parts: { stream: "stdout" | "stderr"; text: string }[];
}

export interface ToolBlock extends BlockBase {
  kind: "tool";
  /** `unknown` where the start of the call is not in the window. */
  name: string;
  title: string;
  /** The kind of the tool, in the words of the Agent Client Protocol. */
  does: string;
  input: unknown;
  /** The output of the running call; only the end of it where it is long. */
  output: string;
  isOutputCut: boolean;
  result: unknown;
  /** `lost`: the run ended without a result of the call. */
  status: "running" | "completed" | "failed" | "denied" | "cancelled" | "lost";
  endedAt?: number;
  locations: { path: string; line?: number | undefined }[];
}

export type EventOf<Type extends AgentEvent["type"]> = Extract<AgentEvent, { type: Type }>;

export type Block =
  | TextBlock
  | OutputBlock
  | ToolBlock
  | (BlockBase & { kind: "sent"; text: string })
  /** `isOld`: the session has a later plan. */
  | (BlockBase & { kind: "plan"; entries: EventOf<"plan">["entries"]; isOld: boolean })
  | (BlockBase & { kind: "approval"; approvalId: string; state: string })
  | (BlockBase & { kind: "child"; sessionId: string; status: SessionStatus })
  | (BlockBase & { kind: "retry"; attempt: number; inMs: number; message: string })
  | (BlockBase & { kind: "note"; level: "info" | "warning" | "error"; text: string })
  /** `until` is absent while the run is suspended, and where its end is not in the window. */
  | (BlockBase & { kind: "wait"; reason: string; until?: number })
  | (BlockBase & { kind: "run"; runId: string });

export interface Fold {
  /** Ordered by the first event of each. */
  blocks: Block[];
  tools: Map<string, ToolBlock>;
  /** The pieces since the last whole message: several where thoughts stand between them. */
  openTexts: TextBlock[];
  runId: string;
  isThinking: boolean;
}

/** What the kinds of blocks have besides the fields of all. */
type FieldsOf<One> = One extends Block ? Omit<One, keyof BlockBase> : never;
export type BlockFields = FieldsOf<Block>;

/** Adds a block that begins with an event; `id` identifies the block among those of its kind. */
export function addBlock<Fields extends BlockFields>(
  fold: Fold,
  shown: ShownEvent,
  fields: Fields,
  id: string | number = shown.seq,
): BlockBase & Fields {
  const { seq, at } = shown;
  const base = { key: `${fields.kind}-${id}`, revision: seq, seq, at, cuts: cutsOf(shown) };
  const block = { ...base, ...fields };
  fold.blocks.push(block);
  return block;
}

function cutsOf({ seq, wholeLength, event }: ShownEvent): Cut[] {
  if (wholeLength === undefined) return [];
  const cut = { seq, length: wholeLength };
  if (event.type === "tool.started") return [{ ...cut, part: "input" }];
  const isOutput = event.type === "tool.output" || event.type === "tool.completed";
  return [isOutput ? { ...cut, part: "output" } : cut];
}

/** Marks a block as changed by an event. */
export function touch(block: BlockBase, shown: ShownEvent): void {
  block.revision = shown.seq;
  block.cuts.push(...cutsOf(shown));
}

/** Marks a block as changed by what came after it. */
export function changed(block: BlockBase): void {
  block.revision += 0.5;
}
