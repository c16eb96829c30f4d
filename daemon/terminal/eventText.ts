/** Events as text: one line each for `events`, or the stream of what an agent says for `run`. */
import type { AgentEvent, StoredEvent } from "../../protocol/events.ts";
import type { Usage } from "../../protocol/session.ts";
import type { Output } from "./output.ts";
import {
  cleanLine,
  cleanText,
  formatCount,
  formatDuration,
  formatMoney,
  formatTime,
} from "../client/values.ts";

/** "12  10:32:05  output  hello": the number, the time, the type and what is worth saying. */
export function eventLine({ seq, at, event }: StoredEvent): string {
  const said = cleanLine(eventText(event));
  return `${String(seq).padStart(5)}  ${formatTime(at)}  ${event.type.padEnd(15)}  ${said}`.trimEnd();
}

/** What an event says, without its type; not yet clean. */
export function eventText(event: AgentEvent): string {
  switch (event.type) {
    case "turn.started":
      return "";
    case "turn.completed":
      return event.finishReason;
    case "message.delta":
    case "reasoning.delta":
      return event.text;
    case "message":
      return `${event.role}: ${event.text}`;
    case "tool.started":
      return event.title === "" ? event.name : event.title;
    case "tool.output":
      return event.text;
    case "tool.completed":
      return event.status;
    case "plan":
      return event.entries.map((entry) => `[${entry.status}] ${entry.text}`).join("; ");
    case "usage":
      return usageText(event);
    case "budget":
      return `${event.limit}: ${event.used} of ${event.max} used`;
    case "approval":
      return `${event.state} (${event.approvalId})`;
    case "child":
      return `${event.childSessionId} is ${event.state}`;
    case "output":
      return event.stream === "stderr" ? `stderr: ${event.text}` : event.text;
    case "retry":
      return `attempt ${event.attempt} in ${formatDuration(event.inMs)} after: ${event.error.message}`;
    case "note":
      return `${event.level}: ${event.text}`;
    case "status":
      return `${event.from} → ${event.to}${event.reason === undefined ? "" : ` (${event.reason})`}`;
  }
}

export interface EventWriter {
  write(event: AgentEvent): void;
  /** Ends the last line, if it has no end. */
  end(): void;
}

/**
 * Writes what an agent says, as it says it: its words and its output on stdout; what it does, and
 * what goes wrong, on stderr. A pipe gets the output as it is, a terminal without the control
 * characters of strangers.
 */
export function eventWriter(output: Output): EventWriter {
  const onTerminal = output.stdout.isTTY === true;
  let deltasSince = false;
  let atLineStart = true;
  const say = (text: string) => {
    if (text === "") return;
    output.text(onTerminal ? cleanText(text) : text);
    atLineStart = text.endsWith("\n");
  };
  const endLine = () => {
    if (!atLineStart) say("\n");
  };
  const note = (event: AgentEvent) => {
    if (onTerminal) endLine();
    output.note(`${event.type}: ${cleanLine(eventText(event))}`);
  };

  return {
    end() {
      if (onTerminal) endLine();
    },
    write(event) {
      switch (event.type) {
        case "output":
          if (event.stream === "stdout") say(event.text);
          else output.aside(cleanText(event.text));
          break;
        case "message.delta":
          deltasSince = true;
          say(event.text);
          break;
        case "message":
          // The deltas have said it already.
          if (event.role === "assistant" && !deltasSince) say(event.text);
          endLine();
          deltasSince = false;
          break;
        case "tool.started":
        case "retry":
        case "note":
        case "budget":
        case "approval":
          note(event);
          break;
        case "turn.completed":
          endLine();
          break;
        case "turn.started":
        case "reasoning.delta":
        case "tool.output":
        case "tool.completed":
        case "plan":
        case "usage":
        case "child":
        case "status":
          break;
      }
    },
  };
}

/** Most agents say nothing of what they cost, which is not the same as nothing. */
function usageText({ inputTokens, outputTokens, costUsd }: Usage): string {
  const tokens = `${formatCount(inputTokens + outputTokens)} tokens`;
  return costUsd > 0 ? `${tokens}, ${formatMoney(costUsd)}` : tokens;
}
