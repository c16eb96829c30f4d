// Prints what `claude -p --output-format stream-json --verbose` prints.
import { play } from "./json-scenes.mjs";

const session_id = "claude-session";
const usage = (input_tokens, output_tokens) => ({
  input_tokens,
  cache_creation_input_tokens: 10,
  cache_read_input_tokens: 100,
  output_tokens,
});
const assistant = (id, content, parent = null, more = {}) => ({
  type: "assistant",
  message: {
    id,
    type: "message",
    role: "assistant",
    model: "m-1",
    content: [content],
    usage: usage(5, 1),
  },
  parent_tool_use_id: parent,
  session_id,
  ...more,
});
const use = (id, name, input) => ({ type: "tool_use", id, name, input });
const text = (words) => ({ type: "text", text: words });
const toolResult = (id, content, parent = null, is_error = false, more = {}) => ({
  type: "user",
  message: { role: "user", content: [{ type: "tool_result", tool_use_id: id, content, is_error }] },
  parent_tool_use_id: parent,
  session_id,
  ...more,
});
const stream = (event, parent = null) => ({
  type: "stream_event",
  event,
  parent_tool_use_id: parent,
  session_id,
});
const delta = (fields) => stream({ type: "content_block_delta", index: 0, delta: fields });
const system = (subtype, more) => ({ type: "system", subtype, session_id, ...more });

const agent = (id, name, parent, message) =>
  assistant(message, use(id, name, { description: `${id} title`, prompt: `${id} prompt` }), parent);

// Older versions say what all models used together, and nothing of each.
const isOlder = process.argv[2] === "older";
if (isOlder) process.argv[2] = "happy";

play({
  begin: [
    system("hook_started", { hook_id: "h" }),
    system("init", { cwd: "/w", model: "m-1", tools: ["Read"], permissionMode: "default" }),
  ],
  body: [
    stream({ type: "message_start", message: { id: "msg_1", model: "m-1", usage: usage(5, 1) } }),
    delta({ type: "thinking_delta", thinking: "I will " }),
    delta({ type: "thinking_delta", thinking: "look." }),
    assistant("msg_1", { type: "thinking", thinking: "I will look.", signature: "s" }),
    delta({ type: "text_delta", text: "Reading " }),
    delta({ type: "text_delta", text: "it." }),
    assistant("msg_1", text("Reading it.")),
    assistant("msg_1", use("toolu_1", "Read", { file_path: "/w/a.ts", offset: 3 })),
    stream({
      type: "message_delta",
      delta: { stop_reason: "tool_use" },
      usage: { output_tokens: 30 },
    }),
    toolResult("toolu_1", [text("one"), text("two")]),
    system("api_retry", {
      attempt: 1,
      max_retries: 10,
      retry_delay_ms: 500,
      error_status: 529,
      error: "overloaded",
    }),
    assistant("msg_2", use("toolu_2", "Bash", { command: "false\nx", description: "fails" })),
    toolResult("toolu_2", "exit 1", null, true),
    assistant(
      "msg_2",
      use("toolu_3", "TodoWrite", {
        todos: [{ content: "do", status: "in_progress", activeForm: "doing" }],
      }),
    ),
    toolResult("toolu_3", "ok"),
    assistant("msg_3", text("All done.")),
  ],
  nested: [
    agent("task_a", "Task", null, "msg_1"),
    toolResult("no_such_tool", "odd", "no_such_parent"),
    assistant("msg_a1", text("a speaks"), "task_a"),
    agent("agent_b", "Agent", "task_a", "msg_a2"),
    agent("agent_b", "Agent", "task_a", "msg_a2"),
    assistant("msg_b1", use("toolu_b", "Grep", { pattern: "x" }), "agent_b"),
    assistant("msg_x", text("lost"), "unknown_parent"),
    toolResult("toolu_b", "found", "agent_b"),
    toolResult("agent_b", "b failed", "task_a", true),
    assistant("msg_b2", text("b too late"), "agent_b"),
    toolResult("task_a", [text("a result")]),
    agent("dispatch_c", "dispatch_agent", null, "msg_2"),
    system("task_started", { task_id: "t", tool_use_id: "dispatch_c", is_backgrounded: true }),
    toolResult("dispatch_c", "Launched.", null, false, {
      tool_use_result: { status: "async_launched" },
    }),
    assistant("msg_c1", text("c goes on"), "dispatch_c"),
    system("task_notification", {
      task_id: "t",
      tool_use_id: "dispatch_c",
      status: "completed",
      summary: "c done",
    }),
    agent("spawn_d", "spawn_agent", null, "msg_3"),
    assistant("msg_d1", text("d speaks"), "spawn_d"),
    agent("agent_e", "Agent", "spawn_d", "msg_d2"),
    assistant("msg_4", text("Both are back.")),
  ],
  failure: [
    assistant("msg_9", text("API Error: Overloaded"), null, { error: "overloaded" }),
    {
      type: "result",
      subtype: "success",
      is_error: true,
      api_error_status: 529,
      num_turns: 1,
      result: "API Error: Overloaded",
      total_cost_usd: 0.5,
      modelUsage: {},
      session_id,
    },
  ],
  result: [
    {
      type: "result",
      subtype: "success",
      is_error: false,
      num_turns: 3,
      result: "All done.",
      stop_reason: "end_turn",
      total_cost_usd: 0.25,
      usage: usage(15, 60),
      modelUsage: !isOlder && {
        "m-1": {
          inputTokens: 20,
          outputTokens: 60,
          cacheReadInputTokens: 300,
          cacheCreationInputTokens: 30,
          costUSD: 0.2,
        },
        "m-0": {
          inputTokens: 7,
          outputTokens: 3,
          cacheReadInputTokens: 0,
          cacheCreationInputTokens: 0,
          costUSD: 0.05,
        },
      },
      permission_denials: [],
      session_id,
    },
  ],
});
