/** Makes the answer of a tool from the result or the failure of its work. */
import type { CallToolResult } from "@modelcontextprotocol/sdk/types.js";
import { errors, type ErrorKind } from "../../protocol/errors.ts";
import { messageOf } from "../base/errors.ts";
import { CommandFailure } from "../client/failures.ts";

/** The answer of a tool: text for the model, and the same as data. */
export function answer(
  lines: readonly (string | undefined)[],
  structuredContent: Record<string, unknown>,
): CallToolResult {
  const text = lines.filter((line) => line !== undefined && line !== "").join("\n");
  return { content: [{ type: "text", text }], structuredContent };
}

/** The answer of `work`; a failure becomes a tool error that says what the model can do. */
export async function answerOf(work: () => Promise<CallToolResult>): Promise<CallToolResult> {
  try {
    return await work();
  } catch (error) {
    const kind = error instanceof CommandFailure ? error.kind : undefined;
    // Compared by name, because the bundle of this program has a second copy of the class.
    const known =
      error instanceof CommandFailure || (error instanceof Error && error.name === "JoinError");
    const message = messageOf(error);
    const text = `${known ? "" : "unforeseen: "}${message}. ${adviceFor(kind, message)}`;
    return { isError: true, content: [{ type: "text", text: text.trimEnd() }] };
  }
}

function adviceFor(kind: string | undefined, message: string): string {
  if (kind === "limitExceeded") return adviceForLimit(message);
  if (kind !== undefined && Object.hasOwn(errors, kind)) return advice[kind as ErrorKind] ?? "";
  return "";
}

/** The message of the core names the limit; every limit but these two is a budget. */
function adviceForLimit(message: string): string {
  if (message.includes("maxDepth"))
    return "Do this work yourself: sub-agents cannot be nested deeper.";
  if (message.includes("maxChildren")) {
    return "Give the work to a sub-agent that exists: send_message starts it again.";
  }
  return "Finish with what you have: there is no budget for more sub-agents.";
}

const advice: Partial<Record<ErrorKind, string>> = {
  sessionNotFound: "list_agents shows your sub-agents.",
  agentNotFound: "Name one of these agents, or none for the default; list_agents describes them.",
  invalidState: "list_agents shows the states; wait_agent waits for an end.",
  overloaded: "Call wait_agent until some have ended, then try again.",
  notTrusted: "Tell the user that no sub-agent runs until this workspace is trusted.",
  storeUnavailable: "Tell the user; nothing was started.",
  shuttingDown: "Nothing was started; try again in some seconds.",
  cwdNotFound: "Name a folder that exists, or none for your own.",
};
