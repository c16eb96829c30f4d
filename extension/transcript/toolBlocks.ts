/** Tool calls: whatever is told of one call, in whatever order, is one block. Pure. */
import type { AgentEvent } from "../../protocol/events.ts";
import { baseOf, touch } from "./blockBase.ts";
import type { Fold } from "./blocks.ts";
import type { ShownEvent } from "./pageMessages.ts";

type ToolEvent = Extract<AgentEvent, { type: "tool.started" | "tool.output" | "tool.completed" }>;

export interface ToolBlock {
  kind: "tool";
  toolUseId: string;
  /** `unknown`: its start is not at hand. */
  name: string;
  title: string;
  /** What kind of thing it does, as the Agent Client Protocol names it. */
  does: string;
  input: unknown;
  /** What it put out while it ran; the last part of it where that is much. */
  output: string;
  isOutputCut: boolean;
  /** What came of it in the end. */
  result: unknown;
  /** `lost`: its run ended and never said what had come of it. */
  status: "running" | "completed" | "failed" | "denied" | "cancelled" | "lost";
  endedAt?: number;
  locations: { path: string; line?: number | undefined }[];
}

/** Characters of a running tool's output that are kept. */
const mostOutput = 64 * 1024;

export function takeTool(fold: Fold, shown: ShownEvent, event: ToolEvent): void {
  const id = `${shown.runId}/${event.toolUseId}`;
  let block = fold.tools.get(id);
  // A new attempt of the run may count its calls from the beginning again.
  const isAgain = block?.status !== "running" && event.type === "tool.started";
  if (block === undefined || isAgain) {
    const key = block === undefined ? `tool-${id}` : `tool-${id}-${shown.seq}`;
    block = { ...baseOf(shown, key), ...newTool(event.toolUseId) };
    fold.tools.set(id, block);
    fold.blocks.push(block);
  } else {
    touch(block, shown);
  }
  switch (event.type) {
    case "tool.started": {
      const { name, title, input, kind } = event;
      Object.assign(block, { name, title: title === "" ? name : title, input, does: kind });
      return;
    }
    case "tool.output": {
      const output = block.output + event.text;
      block.isOutputCut ||= output.length > mostOutput;
      block.output = output.slice(-mostOutput);
      return;
    }
    case "tool.completed":
      block.status = event.status;
      block.result = event.output;
      block.endedAt = shown.at;
      if (event.locations !== undefined) block.locations = event.locations;
  }
}

function newTool(toolUseId: string): ToolBlock {
  return {
    kind: "tool",
    toolUseId,
    name: "unknown",
    title: "a tool call that began earlier",
    does: "other",
    input: undefined,
    output: "",
    isOutputCut: false,
    result: undefined,
    status: "running",
    locations: [],
  };
}
