/**
 * `vscode/<id>`, a model of an editor that is connected to the core, as a `Model`. The agent cannot
 * reach the editor; the agent's client asks the editor.
 */
import type { ModelMessage } from "ai";
import type * as protocol from "../../../protocol/models.ts";
import type { RunErrorCode } from "../../../protocol/session.ts";
import { TypedError } from "../contract/runErrors.ts";
import { turnOf } from "./model.ts";
import type { Model, ToolCall, Turn } from "./model.ts";

export const editorProvider = "vscode";

/**
 * Asks the agent's client for one turn. Rejects with the signal's reason when the signal aborts.
 */
export type AskEditor = (
  question: Omit<protocol.ModelQuestion, "requestId">,
  onPart: (part: protocol.ModelPart) => void,
  signal: AbortSignal,
) => Promise<protocol.ModelAnswer | { error: { code: RunErrorCode; message: string } }>;

export function createEditorModel(parts: {
  modelId: string;
  contextWindow: number;
  ask: AskEditor;
}): Model {
  const { modelId, contextWindow, ask } = parts;
  return {
    name: `${editorProvider}/${modelId}`,
    contextWindow,
    async turn({ instructions, messages, tools, signal, sayText }) {
      const calls: ToolCall[] = [];
      let text = "";
      const answer = await ask(
        {
          model: modelId,
          instructions,
          messages: messages.map(wireMessage),
          tools: tools.map(({ name, description, inputSchema }) => ({
            name,
            description,
            inputSchema,
          })),
        },
        (part) => {
          if (part.type === "text") {
            text += part.text;
            sayText(part.text);
          } else if (part.type === "toolCall") {
            calls.push({ id: part.toolUseId, name: part.name, input: part.input });
          }
        },
        signal,
      );
      if ("error" in answer) throw new TypedError(answer.error.code, answer.error.message);
      return { ...turnOf(text, calls), ...usageOf(answer) };
    },
  };
}

function usageOf({ inputTokens, outputTokens }: protocol.ModelAnswer): Pick<Turn, "usage"> {
  if (inputTokens === undefined && outputTokens === undefined) return {};
  const known = { inputTokens: inputTokens ?? 0, outputTokens: outputTokens ?? 0 };
  return { usage: { ...known, cachedInputTokens: 0 } };
}

/** Leaves out what models of editors do not accept, such as thoughts of another model. */
function wireMessage({ role, content }: ModelMessage): protocol.ModelMessage {
  const wireRole = role === "assistant" ? "assistant" : "user";
  if (typeof content === "string") {
    return { role: wireRole, parts: [{ type: "text", text: content }] };
  }
  const parts = content.flatMap((part): protocol.ModelPart[] => {
    if (part.type === "text") return [{ type: "text", text: part.text }];
    if (part.type === "tool-call") {
      const { toolCallId, toolName, input } = part;
      return [{ type: "toolCall", toolUseId: toolCallId, name: toolName, input: input ?? {} }];
    }
    if (part.type !== "tool-result") return [];
    return [{ type: "toolResult", toolUseId: part.toolCallId, text: outputText(part.output) }];
  });
  return { role: wireRole, parts };
}

function outputText(output: { type: string; value?: unknown }): string {
  return typeof output.value === "string" ? output.value : JSON.stringify(output.value ?? null);
}
