/** Tool calls: all events of one call, in any order, become one block. Pure. */
import {
  addBlock,
  touch,
  type BlockBase,
  type EventOf,
  type Fold,
  type ToolBlock,
} from "./block.ts";
import type { ShownEvent } from "./pageMessages.ts";

type ToolEvent = EventOf<"tool.started" | "tool.output" | "tool.completed">;

/** Characters of a running tool's output that are kept. */
const mostOutput = 64 * 1024;

export function takeTool(fold: Fold, shown: ShownEvent, event: ToolEvent): void {
  const id = `${shown.runId}/${event.toolUseId}`;
  let block = fold.tools.get(id);
  // A new attempt of the run may use the ids of its calls again.
  const isAgain = block?.status !== "running" && event.type === "tool.started";
  if (block === undefined || isAgain) {
    const unique = block === undefined ? id : `${id}-${shown.seq}`;
    block = addBlock(fold, shown, newTool, unique);
    fold.tools.set(id, block);
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

const newTool: Omit<ToolBlock, keyof BlockBase> = {
  kind: "tool",
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
