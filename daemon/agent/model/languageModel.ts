/**
 * A language model as a `Model`: one turn is one call of the AI SDK with one step. Tools are only
 * described to the SDK and run by the loop, so that none of them can hold the stream.
 */
import { setTimeout as wait } from "node:timers/promises";
import type { LanguageModel, LanguageModelUsage, ModelMessage, ToolSet } from "ai";
import type { ChosenProvider } from "./providers.ts";
import type { Model, Turn, TurnRequest, TurnUsage } from "./model.ts";
import { TypedError } from "../runErrors.ts";
import { typeError } from "./modelErrors.ts";

export interface ModelTiming {
  /** The longest silence of the provider. */
  idleMs: number;
  /** Doubles with every try, unless the provider says how long to wait. */
  firstRetryMs: number;
}

const mostTries = 3;
/** A provider that asks for more is not waited for: the error carries its wish instead. */
const longestWaitMs = 60_000;

export function createLanguageModel(parts: {
  chosen: ChosenProvider;
  contextWindow: number;
  timing: ModelTiming;
  now: () => number;
}): Model {
  const { chosen, contextWindow, timing, now } = parts;
  let loaded: Promise<LanguageModel> | undefined;

  return {
    name: `${chosen.provider}/${chosen.modelId}`,
    contextWindow,
    async turn(request) {
      const model = await (loaded ??= loadModel(chosen));
      for (let attempt = 1; ; attempt += 1) {
        const said = { anything: false };
        try {
          return await oneTry({ model, request, timing, said });
        } catch (error) {
          if (request.signal.aborted) throw request.signal.reason;
          const typed = typeError(error, now());
          const inMs = typed.retryAfterMs ?? timing.firstRetryMs * 2 ** (attempt - 1);
          // What was said cannot be taken back, so a stream that broke is not tried again here.
          const isLast = attempt === mostTries || said.anything || inMs > longestWaitMs;
          if (isLast || !typed.retryable) throw typed;
          request.retrying({ attempt: attempt + 1, inMs, error: typed });
          await wait(inMs, undefined, { signal: request.signal }).catch(() => undefined);
          if (request.signal.aborted) throw request.signal.reason;
        }
      }
    },
  };
}

/** The import costs 165 to 270 ms, so it waits for the first turn. */
async function loadModel({
  kind,
  provider,
  modelId,
  baseUrl,
  apiKey,
}: ChosenProvider): Promise<LanguageModel> {
  const settings = {
    ...(baseUrl === undefined ? {} : { baseURL: baseUrl }),
    ...(apiKey === undefined ? {} : { apiKey }),
  };
  switch (kind) {
    case "anthropic":
      return (await import("@ai-sdk/anthropic")).createAnthropic(settings)(modelId);
    case "openai":
      return (await import("@ai-sdk/openai")).createOpenAI(settings)(modelId);
    case "google":
      return (await import("@ai-sdk/google")).createGoogle(settings)(modelId);
    case "openai-compatible": {
      const { createOpenAICompatible } = await import("@ai-sdk/openai-compatible");
      const place = { name: provider, baseURL: baseUrl ?? "", includeUsage: true };
      return createOpenAICompatible({ ...settings, ...place })(modelId);
    }
  }
}

async function oneTry(parts: {
  model: LanguageModel;
  request: TurnRequest;
  timing: ModelTiming;
  said: { anything: boolean };
}): Promise<Turn> {
  const { model, request, timing, said } = parts;
  const { streamText, isStepCount } = await loadSdk();
  const silence = silenceGuard(timing.idleMs);
  const tools = await describeTools(request);
  const call = streamText({
    model,
    instructions: request.instructions,
    messages: [...request.messages],
    tools,
    stopWhen: isStepCount(1),
    maxRetries: 0,
    abortSignal: AbortSignal.any([request.signal, silence.signal]),
    providerOptions: {
      // Keeps the conversation off the provider's disk, and our history the only one.
      openai: { store: false },
      // Others cache by themselves; here a long conversation would cost ten times as much.
      anthropic: { cacheControl: { type: "ephemeral" } },
    },
    // Without a handler the SDK prints errors to the console; the stream carries them as well.
    onError: () => undefined,
  });
  const turn: Turn = {
    message: { role: "assistant", content: "" },
    text: "",
    calls: [],
    finish: "stop",
  };
  try {
    for await (const part of call.stream) {
      silence.heard();
      if (part.type === "text-delta") {
        said.anything ||= part.text !== "";
        turn.text += part.text;
        request.sayText(part.text);
      } else if (part.type === "reasoning-delta") {
        said.anything ||= part.text !== "";
        request.sayThought(part.text);
      } else if (part.type === "tool-call") {
        turn.calls.push({ id: part.toolCallId, name: part.toolName, input: part.input });
      } else if (part.type === "finish-step") {
        refuseBroken(part.finishReason, part.rawFinishReason);
        turn.finish = finishOf(part.finishReason);
        Object.assign(turn, usageOf(part.usage));
      } else if (part.type === "error") {
        throw part.error;
      } else if (part.type === "abort") {
        throw silence.signal.aborted ? silence.signal.reason : request.signal.reason;
      }
    }
    const { messages } = await call.response;
    const message = messages.find(({ role }) => role === "assistant");
    return { ...turn, message: withoutBrokenInputs(message) ?? turn.message };
  } catch (error) {
    throw silence.signal.aborted && !request.signal.aborted ? silence.signal.reason : error;
  } finally {
    silence.end();
  }
}

async function loadSdk() {
  // It would print to stdout, which is the protocol.
  globalThis.AI_SDK_LOG_WARNINGS = false;
  return await import("ai");
}

/** Without a validator: the loop checks the input itself, and says more about what is wrong. */
async function describeTools({ tools }: TurnRequest): Promise<ToolSet> {
  const { jsonSchema } = await loadSdk();
  return Object.fromEntries(
    tools.map(({ name, description, inputSchema }) => [
      name,
      { description, inputSchema: jsonSchema(inputSchema) },
    ]),
  );
}

/** Aborts its signal when nothing was heard for so long. */
function silenceGuard(idleMs: number) {
  const controller = new AbortController();
  const timer = setTimeout(() => {
    const seconds = Math.round(idleMs / 1_000);
    controller.abort(
      new TypedError("network", `the model's provider sent nothing for ${seconds} s`),
    );
  }, idleMs);
  return {
    signal: controller.signal,
    heard: () => void timer.refresh(),
    end: () => clearTimeout(timer),
  };
}

/** A proxy that gives up ends the stream in good order, but in the middle of the answer. */
function refuseBroken(reason: string, providerReason: string | undefined): void {
  if (reason === "error") throw new TypedError("server_error", "the provider broke the answer off");
  const isCut = reason === "interrupted" || (reason === "other" && providerReason === undefined);
  if (!isCut) return;
  throw new TypedError("network", "the stream ended before the answer did");
}

function finishOf(reason: string): Turn["finish"] {
  if (reason === "tool-calls") return "calls";
  if (reason === "length") return "length";
  if (reason === "content-filter") return "refusal";
  return "stop";
}

function usageOf(usage: LanguageModelUsage): { usage?: TurnUsage } {
  const { inputTokens, outputTokens, inputTokenDetails, raw } = usage;
  if (inputTokens === undefined && outputTokens === undefined) return {};
  // OpenRouter says what a call cost, in US dollars; nobody else does.
  const cost = raw?.["cost"];
  return {
    usage: {
      inputTokens: inputTokens ?? 0,
      outputTokens: outputTokens ?? 0,
      cachedInputTokens: inputTokenDetails.cacheReadTokens ?? 0,
      ...(typeof cost === "number" ? { costUsd: cost } : {}),
    },
  };
}

/** A call whose input was no JSON has it as a string; providers take objects only. */
function withoutBrokenInputs(message: ModelMessage | undefined): ModelMessage | undefined {
  if (message?.role !== "assistant" || typeof message.content === "string") return message;
  const content = message.content.map((part) =>
    part.type === "tool-call" && (typeof part.input !== "object" || part.input === null)
      ? { ...part, input: { unreadable: String(part.input) } }
      : part,
  );
  return { ...message, content };
}
