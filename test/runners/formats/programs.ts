/** The tiny program of each format, and the last text that it says. */
import type { FormatName } from "../../../daemon/runners/formats/format.ts";

export const programs: readonly { format: FormatName; agent: string; result: string }[] = [
  { format: "claude-stream-json", agent: "json-claude.mjs", result: "All done." },
  { format: "qwen-stream-json", agent: "json-qwen.mjs", result: "One file." },
  { format: "codex-json", agent: "json-codex.mjs", result: "It is done." },
  { format: "gemini-stream-json", agent: "json-gemini.mjs", result: "Found." },
  { format: "opencode-json", agent: "json-opencode.mjs", result: "Read it." },
  { format: "pi-json", agent: "json-pi.mjs", result: "Listed." },
];
