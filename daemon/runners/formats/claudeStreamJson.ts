/**
 * The format of `claude -p --output-format stream-json --verbose [--include-partial-messages]` and
 * of programs like it; with `--input-format stream-json --permission-prompt-tool stdio` in both
 * directions. Verified against https://code.claude.com/docs/en/headless and the types of
 * @anthropic-ai/claude-agent-sdk 0.3.
 */
import { claudeConversation } from "./claudeConversation.ts";
import { claudeVerdict, type ClaudeTrouble } from "./claudeVerdict.ts";
import type { RunOutcome } from "../../sessions/endings.ts";
import type { Format, FormatParts } from "./format.ts";
import { contentOf, isJson, listIn, numberIn, objectIn, textIn, type Json } from "./json.ts";
import { parentOf, type Voice } from "./narration.ts";
import {
  createUsageLedger,
  minus,
  sinceEarlierRuns,
  type Spent,
  type UsageLedger,
} from "./usageLedger.ts";

/** The differences between Claude Code and programs with the same format. */
export interface ClaudeDialect {
  /** The usage of one call of a model, from the `usage` of its message. */
  usageOfMessage(usage: Json): Spent;
  /** The usage of the program so far, from the `usage` of its result line. */
  usageOfProgram(usage: Json): Spent;
  /**
   * The usage of the agent's session so far, earlier programs included, from the result line. Its
   * fields replace those of `usageOfProgram`.
   */
  usageOfSession?(result: Json): Spent;
  /** Whether each message is one call of the model; else each round of tool results is. */
  messagesAreCalls: boolean;
}

/** Lines that say nothing new. */
const silentTypes = new Set(["keep_alive", "tool_progress", "tool_use_summary", "auth_status"]);
const silentSubtypes = new Set([
  "status",
  "hook_started",
  "hook_progress",
  "hook_response",
  "task_progress",
  "task_updated",
  "thinking_tokens",
  "session_state_changed",
  "background_tasks_changed",
  "commands_changed",
  "files_persisted",
]);

export class ClaudeFormat implements Format {
  readonly conversation?: ReturnType<typeof claudeConversation>;
  readonly #parts: FormatParts;
  readonly #dialect: ClaudeDialect;
  readonly #ledger: UsageLedger;
  readonly #calls = new Map<Voice, { id: string; counted: Spent; isAnswered: boolean }>();
  readonly #trouble: ClaudeTrouble = {};
  #sinceEarlier: ((total: Spent) => Spent) | undefined;
  #verdict: RunOutcome | undefined;
  #model: string | undefined;

  constructor(parts: FormatParts, dialect: ClaudeDialect) {
    const { context, narration, stdin } = parts;
    this.#parts = parts;
    this.#dialect = dialect;
    this.#ledger = createUsageLedger(context);
    if (stdin) this.conversation = claudeConversation({ context, narration, stdin });
  }

  line(json: Json): void {
    const { narration } = this.#parts;
    const { run } = narration;
    const voice = narration.of(parentOf(json));
    const type = textIn(json, "type") ?? "";
    if (type === "assistant") this.#assistant(voice, json);
    else if (type === "user") this.#user(voice, json);
    else if (type === "stream_event") this.#streamEvent(voice, objectIn(json, "event"));
    else if (type === "result") this.#result(json);
    else if (type === "system") this.#system(json);
    else if (type === "rate_limit_event") {
      if (objectIn(json, "rate_limit_info")["status"] !== "rejected") return;
      this.#trouble.isOverQuota = true;
      run.emit({ type: "note", level: "warning", text: "The usage limit of the plan is reached." });
    } else if (this.conversation?.takes(json) !== true && !silentTypes.has(type)) {
      narration.unknown(json);
    }
  }

  verdict(): RunOutcome | undefined {
    return this.#verdict;
  }

  isOver(): boolean {
    return this.#verdict !== undefined;
  }

  #assistant(voice: Voice, json: Json): void {
    const message = objectIn(json, "message");
    // The program continues after its result line, with a turn for a message that had waited.
    if (voice === this.#parts.narration.run) this.#verdict = undefined;
    this.#trouble.apiError = textIn(json, "error") ?? this.#trouble.apiError;
    // A text of the program itself is not a call of the model.
    if (textIn(message, "model") !== "<synthetic>") this.#countCall(voice, message);
    for (const block of listIn(message, "content")) {
      if (block["type"] === "text") voice.message(textIn(block, "text") ?? "");
      else if (block["type"] === "thinking") voice.reasoning(textIn(block, "thinking") ?? "");
      else if (block["type"] === "tool_use" || block["type"] === "server_tool_use") {
        const id = textIn(block, "id");
        const name = textIn(block, "name") ?? "tool";
        if (id !== undefined) voice.toolStarted({ id, name, input: block["input"] ?? {} });
      }
    }
  }

  #user(voice: Voice, json: Json): void {
    const { narration } = this.#parts;
    const last = this.#calls.get(voice);
    if (last) last.isAnswered = true;
    const isLaunched = objectIn(json, "tool_use_result")["status"] === "async_launched";
    for (const block of listIn(objectIn(json, "message"), "content")) {
      const id = textIn(block, "tool_use_id");
      if (block["type"] !== "tool_result" || id === undefined) continue;
      if (isLaunched) narration.inBackground(id);
      const status = block["is_error"] === true ? "failed" : "completed";
      narration.toolCompleted(id, { status, output: contentOf(block["content"]) });
    }
  }

  #streamEvent(voice: Voice, event: Json): void {
    const delta = objectIn(event, "delta");
    if (event["type"] === "message_start") this.#countCall(voice, objectIn(event, "message"));
    else if (event["type"] === "message_delta" && isJson(event["usage"]))
      this.#countCall(voice, event);
    else if (delta["type"] === "text_delta") voice.delta(textIn(delta, "text") ?? "");
    else if (delta["type"] === "thinking_delta")
      voice.reasoningDelta(textIn(delta, "thinking") ?? "");
  }

  /** Counts a call. A message comes in several lines, each with the call's usage so far. */
  #countCall(voice: Voice, message: Json): void {
    const id = textIn(message, "id") ?? this.#calls.get(voice)?.id ?? "";
    const last = this.#calls.get(voice);
    const isNew = last?.id !== id;
    if (isNew && voice === this.#parts.narration.run) this.conversation?.markRead();
    const spent = this.#dialect.usageOfMessage(objectIn(message, "usage"));
    if (isNew && (this.#dialect.messagesAreCalls || last?.isAnswered !== false)) {
      voice.addUsage({ turns: 1 });
    }
    this.#ledger.add(voice, isNew ? spent : minus(spent, last.counted));
    const counted = isNew ? spent : greater(spent, last.counted);
    this.#calls.set(voice, { id, counted, isAnswered: false });
  }

  #system(json: Json): void {
    const { context, narration } = this.#parts;
    const { run } = narration;
    const toolUseId = textIn(json, "tool_use_id");
    const subtype = textIn(json, "subtype") ?? "";
    switch (subtype) {
      case "init": {
        const sessionId = textIn(json, "session_id");
        this.#verdict = undefined;
        if (sessionId !== undefined) context.remember("sessionId", sessionId);
        this.#sinceEarlier ??= sinceEarlierRuns(context, sessionId);
        this.#model = textIn(json, "model") ?? this.#model;
        if (this.#model !== undefined) context.describe({ model: this.#model });
        return run.emit({ type: "turn.started" });
      }
      case "api_retry":
        return run.emit({
          type: "retry",
          attempt: Math.trunc(numberIn(json, "attempt") ?? 0) + 1,
          inMs: numberIn(json, "retry_delay_ms") ?? 0,
          error: claudeVerdict.ofRetry(json),
        });
      case "compact_boundary":
        return run.emit({ type: "note", level: "info", text: "The conversation was compacted." });
      case "informational":
      case "local_command_output":
        return run.emit({ type: "note", level: "info", text: textIn(json, "content") ?? subtype });
      case "permission_denied":
        return toolUseId === undefined ? undefined : narration.denied(toolUseId);
      case "task_started":
        if (toolUseId !== undefined && json["is_backgrounded"] === true) {
          narration.inBackground(toolUseId);
        }
        return;
      case "task_notification": {
        const status = json["status"] === "completed" ? "completed" : "failed";
        const output = textIn(json, "summary") ?? null;
        return toolUseId === undefined
          ? undefined
          : narration.childEnded(toolUseId, { status, output });
      }
      default:
        if (!silentSubtypes.has(subtype)) narration.unknown(json);
    }
  }

  #result(json: Json): void {
    const { run } = this.#parts.narration;
    run.flush();
    const ofSession = this.#dialect.usageOfSession?.(json);
    this.#ledger.settle({
      ...this.#dialect.usageOfProgram(objectIn(json, "usage")),
      ...(ofSession && (this.#sinceEarlier?.(ofSession) ?? ofSession)),
    });
    const finishReason = textIn(json, "stop_reason", "subtype") ?? "unknown";
    run.emit({ type: "turn.completed", finishReason });
    this.#verdict = claudeVerdict.ofResult(json, this.#trouble, run.lastText());
    // Messages that the program has read but not worked on begin another turn.
    if ((numberIn(json, "queued_turn_count") ?? 0) > 0) this.#verdict = undefined;
    // A message that the program has yet to read begins another turn too, while its input is open.
    else if (this.conversation?.hasUnread() !== true) this.#parts.stdin?.close();
  }
}

/** Claude Code counts cached input separately. */
export function claudeStreamJson(parts: FormatParts): Format {
  return new ClaudeFormat(parts, {
    messagesAreCalls: true,
    usageOfMessage: spentOf,
    usageOfProgram: spentOf,
    usageOfSession(result) {
      const costUsd = numberIn(result, "total_cost_usd");
      const total: Spent = costUsd === undefined ? {} : { costUsd };
      // Older versions have no `modelUsage`.
      const models = Object.values(objectIn(result, "modelUsage")).filter(isJson);
      if (models.length === 0) return total;
      const sum = (name: string) =>
        models.reduce((soFar, model) => soFar + (numberIn(model, name) ?? 0), 0);
      const cachedInputTokens = sum("cacheReadInputTokens");
      const written = sum("cacheCreationInputTokens");
      return {
        ...total,
        inputTokens: sum("inputTokens") + cachedInputTokens + written,
        cachedInputTokens,
        outputTokens: sum("outputTokens"),
      };
    },
  });
}

function spentOf(usage: Json): Spent {
  const cachedInputTokens = numberIn(usage, "cache_read_input_tokens") ?? 0;
  const written = numberIn(usage, "cache_creation_input_tokens") ?? 0;
  return {
    inputTokens: (numberIn(usage, "input_tokens") ?? 0) + cachedInputTokens + written,
    cachedInputTokens,
    outputTokens: numberIn(usage, "output_tokens") ?? 0,
  };
}

function greater(spent: Spent, counted: Spent): Spent {
  const max = (field: keyof Spent) => Math.max(spent[field] ?? 0, counted[field] ?? 0);
  return {
    inputTokens: max("inputTokens"),
    outputTokens: max("outputTokens"),
    cachedInputTokens: max("cachedInputTokens"),
  };
}
