/** Sends the texts of a session to a client that loads the session, as the protocol demands. */
import type { ModelMessage } from "ai";
import type { SessionClient } from "./updates.ts";

/** Only texts are sent: they say what the tools did, and past calls are over. */
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
