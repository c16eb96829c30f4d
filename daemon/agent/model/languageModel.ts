/**
 * A language model as a `Model`: one turn is one call of the AI SDK with one step. The SDK only
 * gets the descriptions of tools; the loop runs them, so that no tool can block the stream.
 */
import { setTimeout as wait } from "node:timers/promises";
import type { LanguageModel, LanguageModelUsage, ModelMessage, ToolSet } from "ai";
import type { ChosenProvider } from "../contract/providers.ts";
import type { Model, Turn, TurnRequest, TurnUsage } from "./model.ts";
import { TypedError } from "../contract/runErrors.ts";
import { typeError } from "./modelErrors.ts";

const mostTries = 3;
/** The wait before the second try; doubles with every try, unless the provider names a wait. */
const firstRetryMs = 1_000;
/** A longer wait than this is not made here: the error carries the provider's wish instead. */
const longestWaitMs = 60_000;

export function createLanguageModel(parts: {
  chosen: ChosenProvider;
  contextWindow: number;
  /** The longest time that the provider may send nothing. */
  idleMs: number;
}): Model {
  const { chosen, contextWindow, idleMs } = parts;
  let loaded: Promise<LanguageModel> | undefined;

  return {
    name: `${chosen.provider}/${chosen.modelId}`,
    contextWindow,
    async turn(request) {
      const model = await (loaded ??= loadModel(chosen));
      for (let attempt = 1; ; attempt += 1) {
        const said = { anything: false };
        try {
          return await oneTry({ model, request, idleMs, said });
        } catch (error) {
          if (request.signal.aborted) throw request.signal.reason;
          const typed = typeError(error, Date.now());
          const inMs = typed.retryAfterMs ?? firstRetryMs * 2 ** (attempt - 1);
          // Text that was sent cannot be taken back, so a stream that broke off is not tried again
          // here.
          const isLast = attempt === mostTries || said.anything || inMs > longestWaitMs;
          if (isLast || !typed.runError.retryable) throw typed;
          request.retrying({ attempt: attempt + 1, inMs, error: typed });
          await wait(inMs, undefined, { signal: request.signal }).catch(() => undefined);
          if (request.signal.aborted) throw request.signal.reason;
        }
      }
    },
  };
}

/** The import takes 165 to 270 ms, so the first turn makes it. */
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
  idleMs: number;
  said: { anything: boolean };
}): Promise<Turn> {
  const { model, request, idleMs, said } = parts;
  const { streamText, isStepCount } = await loadSdk();
  const silence = silenceGuard(idleMs);
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
      // The provider must not store the conversation: our history is the only one.
      openai: { store: false },
      // Other providers cache by default. Without this a long conversation costs ten times as much.
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
      silence.restart();
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
  // The SDK would print warnings to stdout, which carries the protocol.
  globalThis.AI_SDK_LOG_WARNINGS = false;
  return await import("ai");
}

/** Describes tools without a validator: the loop checks the input and names the faults better. */
async function describeTools({ tools }: TurnRequest): Promise<ToolSet> {
  const { jsonSchema } = await loadSdk();
  return Object.fromEntries(
    tools.map(({ name, description, inputSchema }) => [
      name,
      { description, inputSchema: jsonSchema(inputSchema) },
    ]),
  );
}

/** Aborts its signal when nothing came for `idleMs`. */
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
    restart: () => void timer.refresh(),
    end: () => clearTimeout(timer),
  };
}

/** A proxy that times out ends the stream properly, but in the middle of the answer. */
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
  // OpenRouter reports what a call cost, in US dollars; no other provider does.
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

/** The input of a call that was not JSON is a string here; providers accept only objects. */
function withoutBrokenInputs(message: ModelMessage | undefined): ModelMessage | undefined {
  if (message?.role !== "assistant" || typeof message.content === "string") return message;
  const content = message.content.map((part) =>
    part.type === "tool-call" && (typeof part.input !== "object" || part.input === null)
      ? { ...part, input: { unreadable: String(part.input) } }
      : part,
  );
  return { ...message, content };
}
