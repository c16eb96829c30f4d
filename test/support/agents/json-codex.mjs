// Prints what `codex exec --json` prints, once its stdin has ended.
import { readFileSync } from "node:fs";
import { play } from "./json-scenes.mjs";

readFileSync(0);
const item = (step, id, type, more) => ({ type: `item.${step}`, item: { id, type, ...more } });
const command = {
  command: "/bin/sh -lc 'ls'",
  aggregated_output: "",
  exit_code: null,
  status: "in_progress",
};
const spawn = {
  tool: "spawn_agent",
  sender_thread_id: "t0",
  receiver_thread_ids: ["t1"],
  prompt: "Look at tests\nall of them",
};

play({
  begin: [{ type: "thread.started", thread_id: "codex-thread" }, { type: "turn.started" }],
  body: [
    item("completed", "item_0", "error", { message: "a mere warning" }),
    item("completed", "item_1", "reasoning", { text: "**Thinking**" }),
    item("started", "item_2", "todo_list", { items: [{ text: "first", completed: false }] }),
    item("started", "item_3", "command_execution", command),
    item("updated", "item_3", "command_execution", { ...command, aggregated_output: "a.ts\n" }),
    item("updated", "item_3", "command_execution", {
      ...command,
      aggregated_output: "a.ts\nb.ts\n",
    }),
    item("completed", "item_3", "command_execution", {
      ...command,
      aggregated_output: "a.ts\nb.ts\n",
      exit_code: 0,
      status: "completed",
    }),
    item("completed", "item_4", "command_execution", {
      ...command,
      command: "rm -r /",
      exit_code: null,
      status: "declined",
    }),
    item("completed", "item_5", "file_change", {
      changes: [{ path: "/w/a.ts", kind: "update" }],
      status: "completed",
    }),
    item("started", "item_6", "mcp_tool_call", {
      server: "docs",
      tool: "find",
      arguments: { q: "x" },
      status: "in_progress",
    }),
    item("completed", "item_6", "mcp_tool_call", {
      server: "docs",
      tool: "find",
      arguments: { q: "x" },
      status: "failed",
      error: { message: "no such page" },
    }),
    item("completed", "item_7", "web_search", { query: "how" }),
    { type: "error", message: "Reconnecting... 1/5" },
    item("updated", "item_2", "todo_list", { items: [{ text: "first", completed: true }] }),
    item("completed", "item_8", "agent_message", { text: "It is done." }),
  ],
  nested: [
    item("started", "item_0", "collab_tool_call", {
      ...spawn,
      receiver_thread_ids: [],
      agents_states: {},
      status: "in_progress",
    }),
    item("completed", "item_0", "collab_tool_call", {
      ...spawn,
      agents_states: { t1: { status: "running", message: null } },
      status: "completed",
    }),
    item("started", "item_1", "collab_tool_call", {
      tool: "spawn_agent",
      prompt: "second",
      receiver_thread_ids: [],
      agents_states: {},
      status: "in_progress",
    }),
    item("completed", "item_1", "collab_tool_call", {
      tool: "spawn_agent",
      prompt: "second",
      receiver_thread_ids: [],
      agents_states: {},
      status: "failed",
    }),
    item("completed", "item_2", "collab_tool_call", {
      tool: "wait",
      prompt: null,
      receiver_thread_ids: ["t1"],
      agents_states: { t1: { status: "completed", message: "tests are fine" } },
      status: "completed",
    }),
    item("completed", "item_3", "agent_message", { text: "It is done." }),
  ],
  failure: [
    {
      type: "error",
      message: "exceeded retry limit, last status: 401 Unauthorized, request id: x",
    },
    {
      type: "turn.failed",
      error: { message: "exceeded retry limit, last status: 401 Unauthorized, request id: x" },
    },
  ],
  result: [
    {
      type: "turn.completed",
      usage: { input_tokens: 1000, cached_input_tokens: 800, output_tokens: 50 },
    },
  ],
});
