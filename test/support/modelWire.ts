/** How three providers write one and the same answer, event by event. */
import type { Step } from "./modelServer.ts";

export type ModelApi = "chat" | "responses" | "messages";

export interface Frame {
  frame: string;
  /** A part of what the model says, not of the frame around it. */
  isPiece: boolean;
}

export function framesFor(api: ModelApi, step: Step): Frame[] {
  switch (api) {
    case "chat":
      return chatFrames(step);
    case "responses":
      return responsesFrames(step);
    case "messages":
      return messagesFrames(step);
  }
}

/** The body of an error, as OpenAI writes it; Anthropic's differs in nothing that counts here. */
export function refusalBody({ status, errorCode = "some_error", errorText }: Step): object {
  const message = errorText ?? `The script wants status ${status}.`;
  return { type: "error", error: { message, type: errorCode, code: errorCode } };
}

function piecesOf({ text = "", deltas = 1 }: Step): string[] {
  if (text === "") return [];
  const size = Math.ceil(text.length / deltas);
  return Array.from({ length: deltas }, (_unused, index) =>
    text.slice(index * size, (index + 1) * size),
  ).filter((piece) => piece !== "");
}

function callsOf({ calls = [] }: Step): { id: string; name: string; input: string }[] {
  return calls.map(({ id, name, input }, index) => ({
    id: id ?? `provider-call-${index}`,
    name,
    // A string is sent as it stands, which is how broken JSON is made.
    input: typeof input === "string" ? input : JSON.stringify(input),
  }));
}

function usageOf({ usage = { input: 10, output: 5 } }: Step) {
  return { cached: 0, ...usage };
}

function chatFrames(step: Step): Frame[] {
  const chunk = (fields: object) => ({
    id: "chat-1",
    object: "chat.completion.chunk",
    created: 1,
    model: "scripted",
    ...fields,
  });
  const delta = (fields: object, finish: string | null = null) =>
    chunk({ choices: [{ index: 0, delta: fields, finish_reason: finish }] });
  const frame = (value: object, isPiece: boolean): Frame => ({
    frame: `data: ${JSON.stringify(value)}\n\n`,
    isPiece,
  });
  const { input, output, cached, cost } = usageOf(step);
  const calls = callsOf(step);
  const reason = calls.length > 0 ? "tool_calls" : "stop";
  const finish = { length: "length", refusal: "content_filter", none: reason };
  return [
    frame(delta({ role: "assistant", content: "" }), false),
    ...(step.thought === undefined
      ? []
      : [frame(delta({ reasoning_content: step.thought }), true)]),
    ...piecesOf(step).map((content) => frame(delta({ content }), true)),
    ...calls.flatMap(({ id, name, input: text }, index) => [
      frame(
        delta({ tool_calls: [{ index, id, type: "function", function: { name, arguments: "" } }] }),
        true,
      ),
      frame(delta({ tool_calls: [{ index, function: { arguments: text } }] }), true),
    ]),
    frame(delta({}, finish[step.finish ?? "none"]), false),
    frame(
      chunk({
        choices: [],
        usage: {
          prompt_tokens: input,
          completion_tokens: output,
          total_tokens: input + output,
          prompt_tokens_details: { cached_tokens: cached },
          ...(cost === undefined ? {} : { cost }),
        },
      }),
      false,
    ),
    { frame: "data: [DONE]\n\n", isPiece: false },
  ];
}

function named(type: string, fields: object, isPiece: boolean): Frame {
  return { frame: `event: ${type}\ndata: ${JSON.stringify({ type, ...fields })}\n\n`, isPiece };
}

function responsesFrames(step: Step): Frame[] {
  const { input, output, cached } = usageOf(step);
  const text = step.text ?? "";
  const calls = callsOf(step);
  const base = { id: "resp-1", object: "response", created_at: 1, model: "scripted" };
  const message = { type: "message", id: "msg-1", role: "assistant", status: "completed" };
  const part = { type: "output_text", text, annotations: [] };
  return [
    named("response.created", { response: { ...base, status: "in_progress" } }, false),
    ...(text === ""
      ? []
      : [
          named(
            "response.output_item.added",
            { output_index: 0, item: { ...message, content: [] } },
            false,
          ),
          ...piecesOf(step).map((delta) =>
            named(
              "response.output_text.delta",
              { item_id: "msg-1", output_index: 0, content_index: 0, delta },
              true,
            ),
          ),
          named(
            "response.output_item.done",
            { output_index: 0, item: { ...message, content: [part] } },
            false,
          ),
        ]),
    ...calls.flatMap(({ id, name, input: argumentText }, index) => {
      const namespace = step.calls?.[index]?.namespace;
      const of = { name, ...(namespace !== undefined && { namespace }) };
      const item = { type: "function_call", id: `item-${index}`, call_id: id, ...of };
      const place = { output_index: index + 1, item_id: `item-${index}` };
      return [
        named("response.output_item.added", { ...place, item: { ...item, arguments: "" } }, true),
        named("response.function_call_arguments.delta", { ...place, delta: argumentText }, true),
        named(
          "response.output_item.done",
          { ...place, item: { ...item, arguments: argumentText, status: "completed" } },
          true,
        ),
      ];
    }),
    named(
      step.finish === "length" ? "response.incomplete" : "response.completed",
      {
        response: {
          ...base,
          status: step.finish === "length" ? "incomplete" : "completed",
          incomplete_details: step.finish === "length" ? { reason: "max_output_tokens" } : null,
          usage: {
            input_tokens: input,
            output_tokens: output,
            input_tokens_details: { cached_tokens: cached },
            output_tokens_details: { reasoning_tokens: 0 },
          },
        },
      },
      false,
    ),
  ];
}

function messagesFrames(step: Step): Frame[] {
  const { input, output, cached } = usageOf(step);
  const calls = callsOf(step);
  const blocks: Frame[][] = [];
  const addBlock = (start: object, deltas: object[]) => {
    const index = blocks.length;
    blocks.push([
      named("content_block_start", { index, content_block: start }, false),
      ...deltas.map((delta) => named("content_block_delta", { index, delta }, true)),
      named("content_block_stop", { index }, false),
    ]);
  };
  if (step.thought !== undefined) {
    addBlock({ type: "thinking", thinking: "", signature: "" }, [
      { type: "thinking_delta", thinking: step.thought },
      { type: "signature_delta", signature: "signed" },
    ]);
  }
  const pieces = piecesOf(step).map((text) => ({ type: "text_delta", text }));
  if (pieces.length > 0) addBlock({ type: "text", text: "" }, pieces);
  for (const { id, name, input: text } of calls) {
    addBlock({ type: "tool_use", id, name, input: {} }, [
      { type: "input_json_delta", partial_json: text },
    ]);
  }
  const reason = calls.length > 0 ? "tool_use" : "end_turn";
  const stop = { length: "max_tokens", refusal: "refusal", none: reason };
  const usage = { input_tokens: input, output_tokens: 1, cache_read_input_tokens: cached };
  return [
    named(
      "message_start",
      {
        message: {
          id: "msg-1",
          type: "message",
          role: "assistant",
          model: "scripted",
          content: [],
          stop_reason: null,
          usage,
        },
      },
      false,
    ),
    ...blocks.flat(),
    named(
      "message_delta",
      {
        delta: { stop_reason: stop[step.finish ?? "none"], stop_sequence: null },
        usage: { output_tokens: output },
      },
      false,
    ),
    named("message_stop", {}, false),
  ];
}
