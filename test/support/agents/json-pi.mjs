// Prints what `pi --mode json` prints.
import { play } from "./json-scenes.mjs";

const usage = {
  input: 10,
  output: 6,
  cacheRead: 4,
  cacheWrite: 1,
  totalTokens: 21,
  cost: { input: 0, output: 0, cacheRead: 0, cacheWrite: 0, total: 0.002 },
};
const message = (content, stopReason, more = {}) => ({
  role: "assistant",
  content,
  provider: "p",
  model: "pi-1",
  usage,
  stopReason,
  timestamp: 1,
  ...more,
});
const text = (words) => ({ type: "text", text: words });
const update = (type, delta) => ({
  type: "message_update",
  message: message([], "stop"),
  assistantMessageEvent: { type, contentIndex: 0, delta },
});
const turnEnd = (end) => [
  { type: "message_end", message: end },
  { type: "turn_end", message: end, toolResults: [] },
];
const tool = (step, more) => ({
  type: `tool_execution_${step}`,
  toolCallId: "call_1",
  toolName: "bash",
  args: { command: "ls" },
  ...more,
});
const done = message([text("Listed.")], "stop");
const busy = message(
  [
    { type: "thinking", thinking: "ls it" },
    { type: "toolCall", id: "call_1", name: "bash", arguments: {} },
  ],
  "toolUse",
);
const broken = message([], "error", { errorMessage: "503 service unavailable" });
const child = { toolCallId: "call_s", toolName: "task", args: { name: "scout", task: "find it" } };

play({
  begin: [
    { type: "session", version: 3, id: "pi-session", timestamp: "t", cwd: "/w" },
    { type: "agent_start" },
    { type: "turn_start" },
    { type: "message_start", message: { role: "user", content: "hi", timestamp: 1 } },
    { type: "message_end", message: { role: "user", content: "hi", timestamp: 1 } },
  ],
  body: [
    update("thinking_delta", "ls "),
    update("thinking_delta", "it"),
    ...turnEnd(busy),
    tool("start", {}),
    tool("update", { partialResult: { content: [text("a")] } }),
    tool("update", { partialResult: { content: [text("a\nb")] } }),
    tool("update", { partialResult: { content: [text("moved on")] } }),
    tool("end", { result: { content: [text("a\nb\n")] }, isError: false }),
    { type: "turn_start" },
    ...turnEnd(broken),
    { type: "agent_end", messages: [broken] },
    {
      type: "auto_retry_start",
      attempt: 1,
      maxAttempts: 3,
      delayMs: 2000,
      errorMessage: "503 service unavailable",
    },
    { type: "turn_start" },
    update("text_delta", "Lis"),
    update("text_delta", "ted."),
    ...turnEnd(done),
  ],
  nested: [
    { type: "tool_execution_start", ...child },
    {
      type: "tool_execution_end",
      ...child,
      result: { content: [text("not found")] },
      isError: true,
    },
    { type: "turn_start" },
    ...turnEnd(done),
  ],
  failure: [
    ...turnEnd(message([], "error", { errorMessage: '402 {"error":"credit balance is too low"}' })),
    {
      type: "agent_end",
      messages: [
        message([], "error", { errorMessage: '402 {"error":"credit balance is too low"}' }),
      ],
    },
  ],
  result: [{ type: "agent_end", messages: [busy, done] }],
});
