/**
 * The format of `pi --mode json`: the events of its agent loop. Verified against docs/json.md, the
 * types and print-mode.js of @mariozechner/pi-coding-agent 0.73. The exit code is always 0, and a
 * retry may follow `agent_end`.
 */
import type { RunOutcome } from "../../sessions/endings.ts";
import { errorOfText } from "./agentErrors.ts";
import type { Format, FormatParts } from "./format.ts";
import { contentOf, listIn, numberIn, objectIn, textIn, type Json } from "./json.ts";
import type { Narration } from "./narration.ts";
import { createUsageLedger, type Spent } from "./usageLedger.ts";
import { runError } from "../../base/errors.ts";

const silentTypes = new Set([
  "agent_start",
  "message_start",
  "queue_update",
  "thinking_level_changed",
  "auto_retry_end",
  "compaction_end",
]);

export function piJson({ context, narration }: FormatParts): Format {
  const { run } = narration;
  const ledger = createUsageLedger(context);
  const tools = toolReader(narration);
  let verdict: RunOutcome | undefined;

  const messageEnd = (message: Json) => {
    if (message["role"] !== "assistant") return;
    for (const block of listIn(message, "content")) {
      if (block["type"] === "text") run.message(textIn(block, "text") ?? "");
      else if (block["type"] === "thinking") run.reasoning(textIn(block, "thinking") ?? "");
    }
    const model = textIn(message, "model");
    if (model !== undefined) context.describe({ model });
    ledger.add(context, spentOf(objectIn(message, "usage")));
  };

  const agentEnd = (json: Json) => {
    run.flush();
    const last = listIn(json, "messages").findLast((message) => message["role"] === "assistant");
    verdict = last && verdictOf(last, run.lastText());
  };

  const line = (json: Json) => {
    switch (json["type"]) {
      case "session": {
        const sessionId = textIn(json, "id");
        if (sessionId !== undefined) context.remember("sessionId", sessionId);
        return;
      }
      case "turn_start":
        verdict = undefined;
        run.addUsage({ turns: 1 });
        return run.emit({ type: "turn.started" });
      case "message_update": {
        const event = objectIn(json, "assistantMessageEvent");
        const delta = textIn(event, "delta") ?? "";
        if (event["type"] === "text_delta") run.delta(delta);
        else if (event["type"] === "thinking_delta") run.reasoningDelta(delta);
        return;
      }
      case "message_end":
        return messageEnd(objectIn(json, "message"));
      case "turn_end": {
        const finishReason = textIn(objectIn(json, "message"), "stopReason") ?? "unknown";
        return run.emit({ type: "turn.completed", finishReason });
      }
      case "tool_execution_start":
      case "tool_execution_update":
      case "tool_execution_end":
        return tools(json);
      case "agent_end":
        return agentEnd(json);
      case "auto_retry_start":
        verdict = undefined;
        return run.emit({
          type: "retry",
          attempt: Math.trunc(numberIn(json, "attempt") ?? 0) + 1,
          inMs: numberIn(json, "delayMs") ?? 0,
          error: errorOfText(textIn(json, "errorMessage") ?? "unknown error"),
        });
      case "compaction_start":
        verdict = undefined;
        return run.emit({ type: "note", level: "info", text: "The conversation is compacted." });
      case "session_info_changed": {
        const title = textIn(json, "name");
        return title === undefined ? undefined : context.describe({ title });
      }
      default:
        if (!silentTypes.has(textIn(json, "type") ?? "")) narration.unknown(json);
    }
  };

  return { line, verdict: () => verdict, isOver: () => verdict !== undefined };
}

function toolReader(narration: Narration) {
  const outputs = new Map<string, string>();
  return (json: Json): void => {
    const id = textIn(json, "toolCallId");
    if (id === undefined) return narration.unknown(json);
    const name = textIn(json, "toolName") ?? "tool";
    if (json["type"] === "tool_execution_start") {
      return narration.run.toolStarted({ id, name, input: json["args"] ?? {} });
    }
    if (json["type"] === "tool_execution_end") {
      outputs.delete(id);
      const status = json["isError"] === true ? "failed" : "completed";
      const output = contentOf(objectIn(json, "result")["content"]);
      return narration.toolCompleted(id, { status, output });
    }
    const shown = contentOf(objectIn(json, "partialResult")["content"]);
    const before = outputs.get(id) ?? "";
    // Long output loses its beginning; then only the result at the end is emitted.
    if (typeof shown !== "string" || !shown.startsWith(before)) return;
    narration.toolOutput(id, shown.slice(before.length));
    outputs.set(id, shown);
  };
}

function verdictOf(message: Json, result: string): RunOutcome {
  const reason = message["stopReason"];
  const kept = result === "" ? {} : { result };
  if (reason === "error") {
    const text = textIn(message, "errorMessage") ?? "The agent ended with an error.";
    return { status: "error", error: errorOfText(text), ...kept };
  }
  if (reason === "aborted") {
    const text = textIn(message, "errorMessage") ?? "The agent was interrupted.";
    return { status: "error", error: runError("aborted", text), ...kept };
  }
  return { status: "completed", result };
}

/** Each message has the usage of its own call; cached input is counted separately. */
function spentOf(usage: Json): Spent {
  const read = numberIn(usage, "cacheRead") ?? 0;
  return {
    inputTokens: (numberIn(usage, "input") ?? 0) + read + (numberIn(usage, "cacheWrite") ?? 0),
    cachedInputTokens: read,
    outputTokens: numberIn(usage, "output") ?? 0,
    costUsd: numberIn(objectIn(usage, "cost"), "total") ?? 0,
  };
}
