// Prints what `gemini -o stream-json` prints.
import { play } from "./json-scenes.mjs";

const at = (type, more) => ({ type, timestamp: "2026-01-01T00:00:00.000Z", ...more });
const piece = (content) => at("message", { role: "assistant", content, delta: true });
const stats = {
  total_tokens: 180,
  input_tokens: 120,
  output_tokens: 40,
  cached: 20,
  input: 100,
  duration_ms: 9,
  tool_calls: 1,
  models: {},
};

play({
  begin: [
    at("init", { session_id: "gemini-session", model: "g-1" }),
    at("message", { role: "user", content: "do it" }),
  ],
  body: [
    piece("I will "),
    piece("search."),
    at("tool_use", {
      tool_name: "search_file_content",
      tool_id: "search-1",
      parameters: { pattern: "x" },
    }),
    at("tool_result", { tool_id: "search-1", status: "success", output: "2 matches" }),
    at("tool_use", {
      tool_name: "write_file",
      tool_id: "write-1",
      parameters: { file_path: "/w/a.ts", content: "x" },
    }),
    at("tool_result", {
      tool_id: "write-1",
      status: "error",
      error: { type: "FILE", message: "read only" },
    }),
    at("error", { severity: "warning", message: "Loop detected" }),
    piece("Fou"),
    piece("nd."),
  ],
  nested: [
    at("tool_use", {
      tool_name: "spawn_agent",
      tool_id: "s-1",
      parameters: { name: "helper", prompt: "help" },
    }),
    at("tool_result", { tool_id: "s-1", status: "success", output: "helped" }),
    piece("Found."),
  ],
  failure: [
    at("result", {
      status: "error",
      error: { type: "FatalTurnLimitedError", message: "Reached max session turns" },
      stats,
    }),
  ],
  result: [at("result", { status: "success", stats })],
});
