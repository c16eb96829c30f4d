// Prints what `qwen -o stream-json` prints.
import { play } from "./json-scenes.mjs";

const session_id = "qwen-session";
const counted = { input_tokens: 50, output_tokens: 4, cache_read_input_tokens: 40 };
// Each block is a message with an id of its own; only the last one of an answer tells its usage.
const assistant = (id, content, parent = null, usage = counted) => ({
  type: "assistant",
  uuid: id,
  session_id,
  parent_tool_use_id: parent,
  message: {
    id,
    type: "message",
    role: "assistant",
    model: "coder",
    content: [content],
    usage,
  },
});
const toolResult = (id, content, parent = null, is_error = false) => ({
  type: "user",
  session_id,
  parent_tool_use_id: parent,
  message: { role: "user", content: [{ type: "tool_result", tool_use_id: id, is_error, content }] },
});
const text = (words) => ({ type: "text", text: words });
const use = (id, name, input) => ({ type: "tool_use", id, name, input });
const result = (more) => ({
  type: "result",
  uuid: "r",
  session_id,
  duration_ms: 1,
  duration_api_ms: 1,
  num_turns: 2,
  usage: { input_tokens: 130, output_tokens: 20, cache_read_input_tokens: 80, total_tokens: 150 },
  permission_denials: [],
  ...more,
});

play({
  begin: [
    {
      type: "system",
      subtype: "init",
      uuid: "u",
      session_id,
      cwd: "/w",
      model: "coder",
      qwen_code_version: "0.24",
    },
  ],
  body: [
    assistant("m0", text("Listing."), null, { input_tokens: 0, output_tokens: 0 }),
    assistant("m1", use("call_1", "run_shell_command", { command: "ls" })),
    toolResult("call_1", "a.ts"),
    assistant("m2", text("One file.")),
  ],
  nested: [
    assistant("m1", use("call_a", "task", { description: "outer", prompt: "go" })),
    assistant("m2", use("call_b", "agent", { name: "inner", prompt: "deeper" }), "call_a"),
    assistant("m3", text("inner speaks"), "call_b"),
    toolResult("call_b", "inner result", "call_a"),
    // It prints a result line for a sub-agent that failed, and goes on.
    result({
      subtype: "error_during_execution",
      is_error: true,
      usage: { input_tokens: 0, output_tokens: 0 },
      error: { message: "sub-agent failed" },
    }),
    toolResult("call_a", "outer failed", null, true),
    assistant("m4", text("One file.")),
  ],
  failure: [
    result({ subtype: "error_max_turns", is_error: true, error: { message: "Reached max turns" } }),
  ],
  result: [result({ subtype: "success", is_error: false, result: "One file." })],
});
