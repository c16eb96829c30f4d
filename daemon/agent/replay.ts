/** Tells a client that loads a session what was said in it, as the protocol wants it. */
import type { ModelMessage } from "ai";
import type { SessionClient } from "./updates.ts";

/** Texts only: what the tools did then can be read in them, and calls of old are over. */
export function replayConversation(messages: readonly ModelMessage[], client: SessionClient): void {
  for (const { role, content } of messages) {
    if (role !== "user" && role !== "assistant") continue;
    const parts =
      typeof content === "string" ? [{ type: "text" as const, text: content }] : content;
    for (const part of parts) {
      if (part.type !== "text" || part.text === "") continue;
      client.update({
        sessionUpdate: role === "user" ? "user_message_chunk" : "agent_message_chunk",
        content: { type: "text", text: part.text },
      });
    }
  }
}
