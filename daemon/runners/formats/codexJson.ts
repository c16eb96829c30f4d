/**
 * The format of `codex exec --json`: a thread of turns, made of items. Verified against
 * exec_events.rs and event_processor_with_jsonl_output.rs of openai/codex and the types of
 * @openai/codex-sdk 0.163. Codex reads its stdin until the end, so stdin must be empty or closed.
 */
import type { RunOutcome } from "../../sessions/endings.ts";
import { errorOfText } from "./agentErrors.ts";
import type { Exit, Format, FormatParts } from "./format.ts";
import { contentOf, isJson, listIn, numberIn, objectIn, textIn, type Json } from "./json.ts";
import type { Narration, ToolCall, ToolResult } from "./narration.ts";
import { createUsageLedger, sinceEarlierRuns } from "./usageLedger.ts";

export function codexJson({ context, narration }: FormatParts): Format {
  const { run } = narration;
  const ledger = createUsageLedger(context);
  const item = itemReader(prefixOf(context), narration);
  let own = sinceEarlierRuns(context, undefined);
  let verdict: RunOutcome | undefined;
  let lastError: string | undefined;

  const failed = (message: string): RunOutcome => ({
    status: "error",
    error: errorOfText(message),
    ...(run.lastText() !== "" && { result: run.lastText() }),
  });

  const line = (json: Json) => {
    switch (json["type"]) {
      case "thread.started": {
        const threadId = textIn(json, "thread_id");
        if (threadId !== undefined) context.remember("sessionId", threadId);
        own = sinceEarlierRuns(context, threadId);
        return;
      }
      case "turn.started":
        verdict = undefined;
        run.addUsage({ turns: 1 });
        return run.emit({ type: "turn.started" });
      case "turn.completed": {
        const usage = objectIn(json, "usage");
        // These are the totals of the thread, also when a later program resumes it.
        const inputTokens = numberIn(usage, "input_tokens") ?? 0;
        const cachedInputTokens = numberIn(usage, "cached_input_tokens") ?? 0;
        const outputTokens = numberIn(usage, "output_tokens") ?? 0;
        if (isJson(json["usage"])) {
          ledger.settle(own({ inputTokens, cachedInputTokens, outputTokens }));
        }
        run.emit({ type: "turn.completed", finishReason: "completed" });
        verdict = { status: "completed", result: run.lastText() };
        return;
      }
      case "turn.failed":
        run.emit({ type: "turn.completed", finishReason: "failed" });
        verdict = failed(textIn(objectIn(json, "error"), "message") ?? lastError ?? "turn failed");
        return;
      case "error":
        // The error may be a mere "Reconnecting… 1/5": only turn.failed, or the exit, is fatal.
        lastError = textIn(json, "message") ?? "unknown error";
        return run.emit({ type: "note", level: "warning", text: lastError });
      case "item.started":
      case "item.updated":
      case "item.completed":
        lastError = undefined;
        if (!item(objectIn(json, "item"), json["type"] === "item.completed"))
          narration.unknown(json);
        return;
      default:
        narration.unknown(json);
    }
  };

  return {
    line,
    verdict(exit?: Exit) {
      if (verdict || lastError === undefined || exit === undefined) return verdict;
      // Older versions end with the error alone.
      return exit[0] === 0 || exit[0] === null ? undefined : failed(lastError);
    },
    isOver: () => verdict !== undefined,
  };
}

/**
 * Makes tool-use ids unique in the session, because the ids of items start anew with every program.
 */
function prefixOf({ runId, attempt }: FormatParts["context"]): string {
  return `${runId}.${attempt}.`;
}

const itemTools = ["command_execution", "file_change", "mcp_tool_call", "web_search"];

/** Takes an item; false when its type is unknown. */
function itemReader(prefix: string, narration: Narration) {
  const { run } = narration;
  const outputs = new Map<string, string>();
  const threads = new Map<string, string>();

  const tool = (id: string, item: Json, isCompleted: boolean) => {
    const shown = textIn(item, "aggregated_output") ?? "";
    const before = outputs.get(id) ?? "";
    narration.run.toolStarted(callOf(id, item));
    if (!isCompleted) {
      if (shown.startsWith(before)) narration.toolOutput(id, shown.slice(before.length));
      outputs.set(id, shown);
      return;
    }
    outputs.delete(id);
    if (item["status"] === "declined") narration.denied(id);
    narration.toolCompleted(id, resultOf(item));
  };

  /**
   * Follows sub-agents: each outlives the call that starts it, and later calls carry their states.
   */
  const collaboration = (id: string, item: Json, isCompleted: boolean) => {
    const name = textIn(item, "tool") ?? "collab_tool_call";
    const { prompt, receiver_thread_ids: receivers } = item;
    run.toolStarted({ id, name, input: { prompt, receivers } });
    if (name === "spawn_agent") {
      narration.inBackground(id);
      for (const thread of Array.isArray(receivers) ? receivers : [])
        threads.set(String(thread), id);
    }
    for (const [thread, state] of Object.entries(objectIn(item, "agents_states"))) {
      const child = threads.get(thread);
      const status = isJson(state) ? textIn(state, "status") : undefined;
      if (child === undefined || !isJson(state) || status === undefined) continue;
      if (status === "pending_init" || status === "running") continue;
      const output = textIn(state, "message") ?? null;
      narration.childEnded(child, { status: status === "completed" ? status : "failed", output });
    }
    if (!isCompleted) return;
    const result = resultOf(item);
    if (name === "spawn_agent" && result.status === "failed") narration.childEnded(id, result);
    narration.toolCompleted(id, result);
  };

  return (item: Json, isCompleted: boolean): boolean => {
    const type = textIn(item, "type") ?? "";
    const id = prefix + (textIn(item, "id") ?? "");
    if (itemTools.includes(type)) tool(id, item, isCompleted);
    else if (type === "collab_tool_call") collaboration(id, item, isCompleted);
    else if (type === "todo_list") run.emit({ type: "plan", entries: planOfItem(item) });
    else if (type === "agent_message" || type === "plan") {
      if (isCompleted) run.message(textIn(item, "text") ?? "");
    } else if (type === "reasoning") {
      if (isCompleted) run.reasoning(textIn(item, "text") ?? "");
    } else if (type === "error") {
      // An error item is a warning: the turn continues.
      run.emit({ type: "note", level: "warning", text: textIn(item, "message") ?? "a warning" });
    } else return false;
    return true;
  };
}

function callOf(id: string, item: Json): ToolCall {
  switch (item["type"]) {
    case "command_execution":
      return { id, name: "shell", input: { command: textIn(item, "command") ?? "" } };
    case "file_change": {
      const paths = listIn(item, "changes").map((change) => textIn(change, "path") ?? "?");
      const title = `apply_patch ${paths.join(", ")}`.slice(0, 120);
      return { id, name: "apply_patch", input: { changes: item["changes"] }, title };
    }
    case "web_search":
      return { id, name: "web_search", input: { query: textIn(item, "query") ?? "" } };
    default: {
      const name = `${textIn(item, "server") ?? "mcp"}.${textIn(item, "tool") ?? "tool"}`;
      return { id, name, input: item["arguments"] ?? {} };
    }
  }
}

function resultOf(item: Json): ToolResult {
  const status =
    item["status"] === "failed" || item["status"] === "declined" ? "failed" : "completed";
  if (item["type"] === "command_execution") {
    const exitCode = numberIn(item, "exit_code");
    const output = { text: textIn(item, "aggregated_output") ?? "", exitCode: exitCode ?? null };
    return { status, output };
  }
  if (item["type"] !== "mcp_tool_call") return { status, output: null };
  const error = textIn(objectIn(item, "error"), "message");
  return { status, output: error ?? contentOf(objectIn(item, "result")["content"]) };
}

function planOfItem(item: Json) {
  return listIn(item, "items").map((todo) => {
    const status = todo["completed"] === true ? ("completed" as const) : ("pending" as const);
    return { text: textIn(todo, "text") ?? "", status };
  });
}
