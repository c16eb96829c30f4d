/** Events as text: one line each for `events`, or the agent's own text and output for `run`. */
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

/** "12  10:32:05  output  hello": the number, the time, the type and the text. */
export function eventLine({ seq, at, event }: StoredEvent): string {
  const said = cleanLine(eventText(event));
  return `${String(seq).padStart(5)}  ${formatTime(at)}  ${event.type.padEnd(15)}  ${said}`.trimEnd();
}

/** The text of an event, without its type; not yet safe for a terminal. */
export function eventText(event: AgentEvent): string {
  switch (event.type) {
    case "turn.started":
      return "";
    case "turn.completed":
      return event.finishReason;
    case "message.delta":
    case "reasoning.delta":
    case "tool.output":
      return event.text;
    case "message":
      return `${event.role}: ${event.text}`;
    case "tool.started":
      return event.title === "" ? event.name : event.title;
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

/** The types of events that become one line on stderr. */
const noted: readonly AgentEvent["type"][] = [
  "tool.started",
  "retry",
  "note",
  "budget",
  "approval",
];

/**
 * Writes events as they come: the agent's text and output on stdout, its tool calls and faults on
 * stderr. A pipe gets the output as it is; for a terminal, control characters are removed.
 */
export function eventWriter(output: Output) {
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

  return {
    /** Ends the last line, if its end is missing. */
    end() {
      if (onTerminal) endLine();
    },
    write(event: AgentEvent) {
      if (event.type === "output") {
        if (event.stream === "stdout") say(event.text);
        else output.aside(cleanText(event.text));
      } else if (event.type === "message.delta") {
        deltasSince = true;
        say(event.text);
      } else if (event.type === "message") {
        // The deltas have written this text already.
        if (event.role === "assistant" && !deltasSince) say(event.text);
        endLine();
        deltasSince = false;
      } else if (event.type === "turn.completed") {
        endLine();
      } else if (noted.includes(event.type)) {
        if (onTerminal) endLine();
        output.note(`${event.type}: ${cleanLine(eventText(event))}`);
      }
    },
  };
}

/** Most agents do not report their cost, so a cost of 0 is not shown. */
function usageText({ inputTokens, outputTokens, costUsd }: Usage): string {
  const tokens = `${formatCount(inputTokens + outputTokens)} tokens`;
  return costUsd > 0 ? `${tokens}, ${formatMoney(costUsd)}` : tokens;
}
