/**
 * Sends lines of JSON to a `claude` that reads them: messages while it works, answers to its
 * requests for permission, and the interrupt.
 */
import { titleOf, kindOf, subjectOf } from "./toolFacts.ts";
import type { Format, FormatParts } from "./format.ts";
import { objectIn, textIn, type Json } from "./json.ts";

type Conversation = NonNullable<Format["conversation"]> & {
  /** Takes a line; false when the line is not part of the conversation. */
  takes(json: Json): boolean;
  /** Called when the model begins a message: the program has read all earlier messages by then. */
  markRead(): void;
  /** Whether the program was sent a message that it has not read. */
  hasUnread(): boolean;
};

export function claudeConversation(parts: Required<FormatParts>): Conversation {
  const { context, narration, stdin } = parts;
  /** Requests for permission that wait for an answer, by their id. */
  const open = new Map<string, AbortController>();

  /** Messages that were sent since the model began its last message. */
  let unread: (() => void)[] = [];

  const say = (content: string) =>
    stdin.send({
      type: "user",
      session_id: "",
      parent_tool_use_id: null,
      message: { role: "user", content },
    });

  const answer = (requestId: string, response: Json) => {
    // A request that was withdrawn meanwhile gets no answer.
    if (!open.delete(requestId)) return;
    stdin.send({
      type: "control_response",
      response: { subtype: "success", request_id: requestId, response },
    });
  };

  const askForTool = async (requestId: string, request: Json, withdrawn: AbortSignal) => {
    const toolName = textIn(request, "tool_name") ?? "tool";
    const input = request["input"] ?? {};
    const toolUseId = textIn(request, "tool_use_id");
    const subject = subjectOf(input) ?? textIn(request, "blocked_path");
    const question = {
      toolName,
      kind: kindOf(toolName),
      title: textIn(request, "title") ?? titleOf(toolName, input),
      input,
      ...(toolUseId !== undefined && { toolUseId }),
      ...(subject !== undefined && { subject }),
    };
    const reply = await context.ask(question, withdrawn);
    if (reply.decision === "allowOnce" || reply.decision === "allowAlways") {
      // Older versions require the input, changed or not.
      answer(requestId, { behavior: "allow", updatedInput: reply.input ?? input });
      return;
    }
    if (toolUseId !== undefined && open.has(requestId)) narration.denied(toolUseId);
    const isOver = reply.decision === "expired";
    const message = isOver ? "The run ended before anybody answered." : "This was not allowed.";
    answer(requestId, { behavior: "deny", message: reply.message ?? message });
  };

  const takeRequest = (json: Json) => {
    const requestId = textIn(json, "request_id");
    const request = objectIn(json, "request");
    if (requestId === undefined) return;
    if (request["subtype"] === "can_use_tool") {
      const withdrawn = new AbortController();
      open.set(requestId, withdrawn);
      askForTool(requestId, request, withdrawn.signal).catch((error: unknown) => {
        answer(requestId, { behavior: "deny", message: `The request failed: ${String(error)}` });
      });
      return;
    }
    const error = `${textIn(request, "subtype") ?? "This request"} is not answered here.`;
    stdin.send({
      type: "control_response",
      response: { subtype: "error", request_id: requestId, error },
    });
  };

  context.onMessage((text, read) => {
    if (!say(text)) return "queued";
    unread.push(read);
    return "injected";
  });

  return {
    open: (prompt) => void say(prompt),
    markRead() {
      for (const read of unread) read();
      unread = [];
    },
    hasUnread: () => unread.length > 0,
    interrupt() {
      const request = { subtype: "interrupt" };
      stdin.send({ type: "control_request", request_id: "offshoot-interrupt", request });
    },
    takes(json) {
      if (json["type"] === "control_request") takeRequest(json);
      else if (json["type"] === "control_cancel_request") {
        const requestId = textIn(json, "request_id") ?? "";
        open.get(requestId)?.abort();
        open.delete(requestId);
      } else if (json["type"] !== "control_response") return false;
      return true;
    },
  };
}
