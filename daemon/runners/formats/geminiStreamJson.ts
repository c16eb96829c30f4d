/**
 * The format of `gemini -o stream-json`: texts in pieces, tool calls, one result line. Verified
 * against packages/core/src/output/types.ts, nonInteractiveCli.ts and utils/errors.ts of
 * google-gemini/gemini-cli.
 */
import type { RunErrorCode } from "../../../protocol/session.ts";
import type { RunOutcome } from "../../sessions/endings.ts";
import { errorOfText } from "./agentErrors.ts";
import type { Format, FormatParts } from "./format.ts";
import { isJson, numberIn, objectIn, textIn, type Json } from "./json.ts";
import { createUsageLedger, type Spent } from "./usageLedger.ts";
import { runError } from "../../base/errors.ts";

/** By the names of its fatal errors. Errors of the API have only a sentence. */
const errorTypes: Readonly<Record<string, RunErrorCode>> = {
  FatalAuthenticationError: "auth",
  FatalInputError: "invalid_request",
  FatalConfigError: "invalid_request",
  FatalUntrustedWorkspaceError: "invalid_request",
  FatalTurnLimitedError: "max_turns",
  FatalCancellationError: "aborted",
};

export function geminiStreamJson({ context, narration }: FormatParts): Format {
  const { run } = narration;
  const ledger = createUsageLedger(context);
  let verdict: RunOutcome | undefined;
  let lastError: string | undefined;
  let isInTurn = false;

  /** Begins a turn where the model speaks again, because no line does. */
  const modelSpeaks = () => {
    if (!isInTurn) run.addUsage({ turns: 1 });
    isInTurn = true;
  };

  const result = (json: Json) => {
    run.flush();
    const stats = json["stats"];
    if (isJson(stats)) ledger.settle(spentOf(stats));
    const status = textIn(json, "status") ?? "unknown";
    run.emit({ type: "turn.completed", finishReason: status });
    const text = run.lastText();
    if (status === "success") {
      verdict = { status: "completed", result: text };
      return;
    }
    const error = objectIn(json, "error");
    // An earlier error line has the reason why the model's answer was unusable.
    const message = textIn(error, "message") ?? lastError ?? "The agent ended with an error.";
    const code = errorTypes[textIn(error, "type") ?? ""];
    verdict = {
      status: "error",
      error: code ? runError(code, message) : errorOfText(message),
      ...(text !== "" && { result: text }),
    };
  };

  const line = (json: Json) => {
    const toolUseId = textIn(json, "tool_id");
    switch (json["type"]) {
      case "init": {
        const sessionId = textIn(json, "session_id");
        const model = textIn(json, "model");
        if (sessionId !== undefined) context.remember("sessionId", sessionId);
        if (model !== undefined) context.describe({ model });
        return run.emit({ type: "turn.started" });
      }
      case "message":
        // The user's own messages are known.
        if (json["role"] === "user") return;
        modelSpeaks();
        if (json["delta"] === true) run.delta(textIn(json, "content") ?? "");
        else run.message(textIn(json, "content") ?? "");
        return;
      case "tool_use":
        modelSpeaks();
        if (toolUseId === undefined) return narration.unknown(json);
        return run.toolStarted({
          id: toolUseId,
          name: textIn(json, "tool_name") ?? "tool",
          input: json["parameters"] ?? {},
        });
      case "tool_result": {
        isInTurn = false;
        if (toolUseId === undefined) return narration.unknown(json);
        const output = textIn(json, "output") ?? textIn(objectIn(json, "error"), "message") ?? null;
        const status = json["status"] === "error" ? "failed" : "completed";
        return narration.toolCompleted(toolUseId, { status, output });
      }
      case "error": {
        const level = json["severity"] === "warning" ? "warning" : "error";
        const text = textIn(json, "message") ?? "an error";
        if (level === "error") lastError = text;
        return run.emit({ type: "note", level, text });
      }
      case "result":
        return result(json);
      default:
        narration.unknown(json);
    }
  };

  return { line, verdict: () => verdict, isOver: () => verdict !== undefined };
}

/** Thoughts are counted only in the total. */
function spentOf(stats: Json): Spent {
  const inputTokens = numberIn(stats, "input_tokens") ?? 0;
  const outputTokens = numberIn(stats, "output_tokens") ?? 0;
  return {
    inputTokens,
    cachedInputTokens: numberIn(stats, "cached") ?? 0,
    outputTokens: Math.max(outputTokens, (numberIn(stats, "total_tokens") ?? 0) - inputTokens),
  };
}
