/**
 * The format of `opencode run --format json`: steps with texts and finished tool calls. Verified
 * against packages/opencode/src/cli/cmd/run.ts of opencode and the types of @opencode-ai/sdk 1.19.
 *
 * The format has no result line: the end is a step that finishes with another reason than
 * `tool-calls` (newer versions add a line `done`). A step that stays open, or has no text and no
 * usage, is a stream that broke off (anomalyco/opencode#26855, #31435).
 */
import type { RunError, RunErrorCode } from "../../../protocol/session.ts";
import type { RunOutcome } from "../../sessions/endings.ts";
import { errorOfText } from "./agentErrors.ts";
import type { Format, FormatParts } from "./format.ts";
import { numberIn, objectIn, textIn, type Json } from "./json.ts";
import type { Narration } from "./narration.ts";
import { createUsageLedger, type Spent } from "./usageLedger.ts";
import { codeOfStatus, runError } from "../../base/errors.ts";

export function opencodeJson({ context, narration }: FormatParts): Format {
  const { run } = narration;
  const ledger = createUsageLedger(context);
  let sessionId: string | undefined;
  let verdict: RunOutcome | undefined;
  let isDone = false;
  let step = { saidSomething: false, usedTools: false };

  const finish = (part: Json) => {
    const reason = textIn(part, "reason") ?? "unknown";
    const spent = spentOf(part);
    ledger.add(context, spent);
    run.addUsage({ turns: 1 });
    run.emit({ type: "turn.completed", finishReason: reason });
    const isEmpty = !step.saidSomething && !step.usedTools && !spent.outputTokens;
    if (reason === "tool-calls" || isEmpty) return;
    verdict = verdictOf(reason, run.lastText());
    // Some providers send `stop` together with tool calls, and another step follows.
    isDone = !step.usedTools;
  };

  const line = (json: Json) => {
    const part = objectIn(json, "part");
    const text = textIn(part, "text") ?? "";
    if (sessionId === undefined) {
      sessionId = textIn(json, "sessionID");
      if (sessionId !== undefined) context.remember("sessionId", sessionId);
    }
    switch (json["type"]) {
      case "step_start":
        step = { saidSomething: false, usedTools: false };
        verdict = undefined;
        isDone = false;
        return run.emit({ type: "turn.started" });
      case "text":
        step.saidSomething ||= text !== "";
        return run.message(text);
      case "reasoning":
        return run.reasoning(text);
      case "tool_use":
        step.usedTools = true;
        return toolUse(part, narration);
      case "step_finish":
        return finish(part);
      case "error": {
        const error = errorOf(objectIn(json, "error"));
        const result = run.lastText();
        verdict = { status: "error", error, ...(result !== "" && { result }) };
        return run.emit({ type: "note", level: "error", text: error.message });
      }
      case "done":
        isDone = verdict !== undefined;
        return;
      default:
        narration.unknown(json);
    }
  };

  return { line, verdict: () => verdict, isOver: () => isDone };
}

/** A call comes when it has finished; versions that also send running calls repeat the id. */
function toolUse(part: Json, narration: Narration): void {
  const id = textIn(part, "callID", "id");
  if (id === undefined) return;
  const state = objectIn(part, "state");
  const title = textIn(state, "title");
  narration.run.toolStarted({
    id,
    name: textIn(part, "tool") ?? "tool",
    input: state["input"] ?? {},
    ...(title !== undefined && { title }),
  });
  if (state["status"] === "completed") {
    narration.toolCompleted(id, { status: "completed", output: state["output"] ?? null });
  } else if (state["status"] === "error") {
    narration.toolCompleted(id, { status: "failed", output: textIn(state, "error") ?? null });
  }
}

function verdictOf(reason: string, result: string): RunOutcome {
  if (reason === "error") {
    const error = runError("server_error", "The last step ended with an error.");
    return { status: "error", error, result };
  }
  if (reason === "content-filter") {
    return { status: "error", error: runError("refused", "The model refused to go on."), result };
  }
  return { status: "completed", result };
}

const errorNames: Readonly<Record<string, RunErrorCode>> = {
  ProviderAuthError: "auth",
  MessageAbortedError: "aborted",
  ContextOverflowError: "invalid_request",
  MessageOutputLengthError: "invalid_request",
  ContentFilterError: "refused",
};

function errorOf(error: Json): RunError {
  const name = textIn(error, "name") ?? "unknown error";
  const data = objectIn(error, "data");
  const message = textIn(data, "message") ?? name;
  const code = errorNames[name] ?? codeOfStatus(numberIn(data, "statusCode"));
  if (code === undefined) return errorOfText(message);
  const seconds = Number(textIn(objectIn(data, "responseHeaders"), "retry-after") ?? "");
  return runError(code, message, seconds > 0 ? { retryAfterMs: seconds * 1000 } : {});
}

/**
 * Cached input and, in newer versions, thoughts are counted separately; the total contains them.
 */
function spentOf(part: Json): Spent {
  const tokens = objectIn(part, "tokens");
  const cache = objectIn(tokens, "cache");
  const read = numberIn(cache, "read") ?? 0;
  const inputTokens = (numberIn(tokens, "input") ?? 0) + read + (numberIn(cache, "write") ?? 0);
  const outputTokens = numberIn(tokens, "output") ?? 0;
  const total = numberIn(tokens, "total") ?? 0;
  return {
    inputTokens,
    cachedInputTokens: read,
    outputTokens: Math.max(outputTokens, total - inputTokens),
    costUsd: numberIn(part, "cost") ?? 0,
  };
}
