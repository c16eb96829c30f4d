/** One turn of a chat model of the editor: its answer part by part, and the tokens that it used. */
import {
  LanguageModelChatMessage,
  LanguageModelChatToolMode,
  LanguageModelTextPart,
  LanguageModelToolCallPart,
  LanguageModelToolResultPart,
  type CancellationToken,
  type LanguageModelChat,
  type LanguageModelChatTool,
} from "vscode";
import type { ModelAnswer, ModelMessage, ModelPart, ModelQuestion } from "../../protocol/models.ts";

/** Rejects with the editor's own error, for instance where the person has refused. */
export async function askModel(
  model: LanguageModelChat,
  { instructions, messages, tools }: ModelQuestion,
  onPart: (part: ModelPart) => void,
  token: CancellationToken,
): Promise<ModelAnswer> {
  const asked = [
    // The editor's models have no system prompt: the instructions are a message of the user.
    LanguageModelChatMessage.User(instructions),
    ...messages.map(chatMessage),
  ];
  const chatTools = tools.map(({ name, description, inputSchema }): LanguageModelChatTool => ({
    name,
    description,
    inputSchema: inputSchema as object,
  }));
  const answer = await model.sendRequest(
    asked,
    {
      justification: "A sub-agent works with this model.",
      ...(chatTools.length > 0 && { tools: chatTools, toolMode: LanguageModelChatToolMode.Auto }),
    },
    token,
  );
  let said = "";
  for await (const part of answer.stream) {
    if (part instanceof LanguageModelTextPart) {
      said += part.value;
      onPart({ type: "text", text: part.value });
    } else if (part instanceof LanguageModelToolCallPart) {
      said += JSON.stringify(part.input);
      onPart({ type: "toolCall", toolUseId: part.callId, name: part.name, input: part.input });
    }
  }
  return await countTokens(model, asked, said, token);
}

/** The editor does not report the tokens of a turn; its own counter estimates them. */
async function countTokens(
  model: LanguageModelChat,
  asked: readonly LanguageModelChatMessage[],
  said: string,
  token: CancellationToken,
): Promise<ModelAnswer> {
  try {
    const counts = await Promise.all(asked.map((message) => model.countTokens(message, token)));
    const inputTokens = counts.reduce((sum, count) => sum + count, 0);
    return { inputTokens, outputTokens: await model.countTokens(said, token) };
  } catch {
    // Without a counter the usage stays unknown, and the answer is valid all the same.
    return {};
  }
}

/** Results of tools are part of a user's message, and calls of an assistant's. */
function chatMessage({ role, parts }: ModelMessage): LanguageModelChatMessage {
  const content = parts.map(chatPart);
  if (role === "user") {
    return LanguageModelChatMessage.User(
      content.flatMap((part) => (part instanceof LanguageModelToolCallPart ? [] : [part])),
    );
  }
  return LanguageModelChatMessage.Assistant(
    content.flatMap((part) => (part instanceof LanguageModelToolResultPart ? [] : [part])),
  );
}

function chatPart(part: ModelMessage["parts"][number]) {
  if (part.type === "toolCall") {
    return new LanguageModelToolCallPart(part.toolUseId, part.name, part.input as object);
  }
  const text = new LanguageModelTextPart(part.text);
  return part.type === "text" ? text : new LanguageModelToolResultPart(part.toolUseId, [text]);
}
