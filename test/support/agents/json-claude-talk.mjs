// Speaks as `claude --input-format stream-json --permission-prompt-tool stdio` does. What a message
// says decides: "ask" asks for a tool, "withdraw" asks and takes it back, "hold" works until it is
// interrupted, "deaf" works and ignores that too, "hook" asks what nobody here answers.
import { createInterface } from "node:readline";
import { print } from "./json-scenes.mjs";

const session_id = "talk";
const assistant = (content) =>
  print({
    type: "assistant",
    parent_tool_use_id: null,
    session_id,
    message: { id: `m${Math.random()}`, model: "m", content: [content], usage: {} },
  });
const speak = (text) => assistant({ type: "text", text });
const request = (request_id, fields) =>
  print({ type: "control_request", request_id, request: fields });
const result = (more) =>
  print({
    type: "result",
    subtype: "success",
    is_error: false,
    result: "fine",
    session_id,
    num_turns: 1,
    total_cost_usd: 0.1,
    modelUsage: {},
    ...more,
  });
const canUse = {
  subtype: "can_use_tool",
  tool_name: "Bash",
  tool_use_id: "toolu_1",
  input: { command: "rm x" },
};
const working = setInterval(() => {}, 1000);
const deaf = process.argv[2] === "deaf";

print({ type: "system", subtype: "init", model: "m", session_id });
for await (const line of createInterface({ input: process.stdin })) {
  const json = JSON.parse(line);
  if (json.type === "user") {
    const { content } = json.message;
    speak(`heard ${content}`);
    if (content.includes("ask")) {
      assistant({ type: "tool_use", id: "toolu_1", name: "Bash", input: canUse.input });
      request("q1", canUse);
    } else if (content.includes("withdraw")) {
      request("q2", canUse);
      print({ type: "control_cancel_request", request_id: "q2" });
      result();
    } else if (content.includes("hook")) {
      request("q3", { subtype: "hook_callback", callback_id: "c", input: {} });
    } else if (content.includes("end")) result();
  } else if (json.type === "control_response") {
    const { subtype, response, error } = json.response;
    speak(`answered ${JSON.stringify(subtype === "error" ? error : response)}`);
    const is_error = response?.behavior !== "allow";
    if (subtype === "success") {
      print({
        type: "user",
        parent_tool_use_id: null,
        message: {
          role: "user",
          content: [{ type: "tool_result", tool_use_id: "toolu_1", content: "x", is_error }],
        },
      });
    }
    result();
  } else if (json.type === "control_request" && !deaf) {
    print({
      type: "control_response",
      response: { subtype: "success", request_id: json.request_id, response: {} },
    });
    print({
      type: "user",
      parent_tool_use_id: null,
      message: { role: "user", content: [{ type: "text", text: "[Request interrupted by user]" }] },
    });
    result({ subtype: "error_during_execution", is_error: true });
  }
}
print({ type: "system", subtype: "informational", content: "stdin ended", session_id });
if (!deaf) clearInterval(working);
