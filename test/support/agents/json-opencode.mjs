// Prints what `opencode run --format json` prints.
import { play } from "./json-scenes.mjs";

const at = (type, more) => ({ type, timestamp: 1, sessionID: "ses_1", ...more });
const part = (type, more) => ({
  part: { id: "prt_1", sessionID: "ses_1", messageID: "msg_1", type, ...more },
});
const start = at("step_start", part("step-start", {}));
const tokens = { total: 170, input: 100, output: 30, reasoning: 20, cache: { read: 15, write: 5 } };
const finish = (reason, more = { tokens, cost: 0.01 }) =>
  at("step_finish", part("step-finish", { reason, ...more }));
const tool = (callID, name, state) => at("tool_use", part("tool", { callID, tool: name, state }));
const text = (words) => at("text", part("text", { text: words, time: { start: 1, end: 2 } }));

play({
  begin: [start],
  body: [
    at("reasoning", part("reasoning", { text: "hm" })),
    tool("call_1", "read", {
      status: "completed",
      input: { filePath: "/w/a.ts" },
      output: "text",
      title: "a.ts",
      metadata: {},
    }),
    tool("call_2", "bash", { status: "error", input: { command: "false" }, error: "exit 1" }),
    finish("tool-calls"),
    start,
    text("Read it."),
  ],
  nested: [
    tool("call_t", "task", {
      status: "completed",
      input: { description: "explore", prompt: "look", subagent_type: "general" },
      output: "seen",
      title: "explore",
      metadata: {},
    }),
    finish("tool-calls"),
    start,
    text("Read it."),
  ],
  failure: [
    at("error", {
      error: {
        name: "APIError",
        data: {
          message: "slow down",
          statusCode: 429,
          isRetryable: true,
          responseHeaders: { "retry-after": "7" },
        },
      },
    }),
  ],
  result: [finish("stop")],
});
